"""What jobs for the pages' clients do, and where they are submitted. Nothing is registered here (`registering`)."""

import time
from typing import Any

from pollable import JobError

PROJECT = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"
ANALYSIS = "2f8a5c3d-9b1e-4d7f-8a6b-3c5e7f9d1b2a"
RESULT = {"analysisId": ANALYSIS, "found": ["one", "two"]}
FAILURE = ("ran_dry", "The source ran dry.")

ROUTES = {
    "plain": "/generate_assessment",
    "record": "/api/admin/prompts/preview",
    "minimal": "/api/v1/analysis/screen",
    "managed": None,
    "agent": "/api/agent/projects/{projectId}/audit-analysis/async",
}
KINDS: dict[str, dict[str, Any]] = {
    "ordinary": {"max_attempts": 1},
    # Nobody takes what lies there.
    "parked": {"queue": "parked"},
    # A failed attempt is followed by another one, long after the test.
    "patient": {"max_attempts": 2, "retry_delays_s": (3600,)},
    "brief": {"result_ttl_s": 1},
}


def name_of(page: str, kind: str) -> str:
    return f"{page}.{kind}"


def route_of(page: str, kind: str) -> str | None:
    """Where such a job is submitted; `managed` has one route for all types."""
    route = ROUTES[page]
    return None if route is None else f"{route}/{kind}"


def work(act: str) -> dict[str, Any]:
    """Do what the payload says."""
    if act == "sleep":
        time.sleep(60)
    if act == "fail":
        raise JobError(*FAILURE)
    return RESULT
