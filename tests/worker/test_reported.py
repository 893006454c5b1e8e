"""What Sentry is sent of jobs, by its own integrations and ours, over a transport of the test's own."""

import json
from pathlib import Path
from typing import Any

from pollable.settings import Settings
from tests.rq.processes import worker
from tests.worker.desk import Desk
from tests.worker.waiting import until

FILE = "REPORTED"
SETTINGS = {"POLLABLE_JOBS": "tests.worker.reporting_jobs", "POLLABLE_LEASE_S": "2"}
RAISED = {"raises", "too_large"}
SEEN_BY_THE_PARENT = {"killed": "killed", "runs_on": "timeout", "lost": "worker_lost"}
"""Job types, and the codes of their failures: the one of the last is found by another worker."""


def reported(file: Path, kind: str) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [each for each in map(json.loads, lines) if each["kind"] == kind]


def test_each_job_is_reported_under_its_own_type(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "reported"
    known = {**SETTINGS, FILE: str(file)}
    with (
        Desk(Settings(redis_url=redis_url, lease_s=2)) as desk,
        worker(redis_url, tmp_path / "log", "--workers", "3", **known),
    ):
        for name in ("well", *sorted(RAISED), "killed", "runs_on"):
            desk.submit(name, timeout_s=1 if name == "runs_on" else None)
        desk.submit("lost")
        names = {*RAISED, *SEEN_BY_THE_PARENT}
        until(lambda: {each["name"] for each in reported(file, "event")} == names, within_s=20, what="all reported")
    # A process that was killed sends nothing more.
    assert {each["name"] for each in reported(file, "transaction")} == {"well", *RAISED}
    grouped = [(each["name"], each["grouped"]) for each in reported(file, "event") if each["name"] not in RAISED]
    assert sorted(grouped) == sorted((name, [name, code]) for name, code in SEEN_BY_THE_PARENT.items())
    assert [each["grouped"] for each in reported(file, "event") if each["name"] in RAISED] == [None, None]
