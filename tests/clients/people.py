"""Callers of a deployment under test, each with a token. Nothing here imports the service."""

import time
from collections.abc import Callable

import httpx
import jwt

SECRET = "a secret that is long enough for HS256"
PROJECT_ID = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"

# Its jobs are submitted there alone: whose they are is said by the path.
AUDIT = f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async"

# It gives three questions, each of which takes as long as a payload's `pace_s` says: a job that is seen running.
TEXT = (
    "Chlorophyll is the green pigment that absorbs light. Oxygen is the gas that leaves release. "
    "Sugar is the food that plants store."
)

READS = {
    "plain": "/job_status?job_id={id}",
    "record": "/api/jobs/{id}",
    "minimal": "/api/v1/jobs/{id}",
    "managed": "/v1/api/jobs/{id}",
    "agent": "/api/agent/jobs/{id}",
    "native": "/jobs/{id}",
}


def token(subject: str, *, lifetime_s: int = 600, scope: str = "jobs:read jobs:write") -> str:
    claims = {"sub": subject, "exp": int(time.time()) + lifetime_s, "scope": scope}
    return jwt.encode(claims, SECRET, algorithm="HS256")


class Person:
    """One caller; without a token, nobody."""

    def __init__(self, url: str, given: str | None, *, place: Callable[[str], None] | None = None) -> None:
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        self.token = given
        self._place = place
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10)

    def submit(self, type_: str, payload: object, **members: object) -> str:
        """The id of a new job; `place` then puts it where every envelope shows it."""
        if type_ == "audit_analysis" and not members:
            answer = self.http.post(AUDIT, json=payload)
            assert answer.status_code == 202, answer.text
            return str(answer.json()["data"]["jobId"])
        answer = self.http.post("/jobs", json={"type": type_, "payload": payload, **members})
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["id"])
        if self._place is not None:
            self._place(job_id)
        return job_id

    def read(self, job_id: str, *, envelope: str = "native") -> httpx.Response:
        return self.http.get(READS[envelope].format(id=job_id))

    def state(self, job_id: str) -> str:
        return str(self.read(job_id).json()["status"])

    def submit_nap(self, seconds: float = 60.0) -> str:
        """A job that runs that long and reports nothing meanwhile."""
        return self.submit("nap", seconds)
