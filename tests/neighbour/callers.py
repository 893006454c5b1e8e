"""Callers of ours beside an application of others. Nothing here registers a job type."""

import httpx


def submit(client: httpx.Client, type_: str = "work", queue: str | None = None, **more: object) -> str:
    """The id of an accepted job; `delay` is in seconds, the rest is its payload."""
    delay = {"delay": more.pop("delay")} if "delay" in more else {}
    named = {"queue": queue} if queue else {}
    answer = client.post("/jobs", json={"type": type_, "payload": more, **named, **delay})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def read(client: httpx.Client, job_id: str) -> dict[str, object]:
    return dict(client.get(f"/jobs/{job_id}").json())


def status(client: httpx.Client, job_id: str) -> str:
    return str(read(client, job_id)["status"])
