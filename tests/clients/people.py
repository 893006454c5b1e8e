"""Callers of a deployment under test, each with a token. Nothing here imports the service."""

import time

import httpx
import jwt

SECRET = "a secret that is long enough for HS256"
PROJECT_ID = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"

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


def token(subject: str, *, lifetime_s: int = 600) -> str:
    claims = {"sub": subject, "exp": int(time.time()) + lifetime_s, "scope": "jobs:read jobs:write"}
    return jwt.encode(claims, SECRET, algorithm="HS256")


class Person:
    """One caller; without a token, nobody."""

    def __init__(self, url: str, given: str | None) -> None:
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        self.token = given
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10)

    def submit(self, type_: str, payload: object, **members: object) -> str:
        """The id of a new job that has a project, so that every envelope shows it."""
        order = {"type": type_, "payload": payload, "context": {"projectId": PROJECT_ID}, **members}
        answer = self.http.post("/jobs", json=order)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def read(self, job_id: str, *, envelope: str = "native") -> httpx.Response:
        return self.http.get(READS[envelope].format(id=job_id))

    def state(self, job_id: str) -> str:
        return str(self.read(job_id).json()["status"])

    def submit_nap(self, seconds: float = 60.0) -> str:
        """A job that runs that long and reports nothing meanwhile."""
        return self.submit("nap", seconds)
