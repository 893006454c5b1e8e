"""Hosts whose clocks differ by hours: everything is timed by Redis' own."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.system.running import Running, free_port, is_ready, running, until

WORKERS = ("-2h", "+2h")


def shifted(offset: str) -> dict[str, str]:
    """The environment of a host whose clock is off by that much."""
    found = find_spec("libfaketime")
    if found is None or found.origin is None:
        pytest.skip("libfaketime has no library for this machine")
    library = Path(found.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Hosts:
    """A web process that is off to one side, and two workers that are off to both."""

    def __init__(self, web: Running, workers: list[Running]) -> None:
        self.web = web
        self.workers = workers

    def submit(self, seconds: float, **members: object) -> tuple[str, int]:
        """Where the job is, and what `Retry-After` its submit had."""
        answer = self.web.http.post("/jobs", json={"type": "doze", "payload": seconds, **members})
        assert answer.status_code == 202, answer.text
        return answer.headers["location"], int(answer.headers["retry-after"])

    def status(self, path: str) -> str:
        return str(self.web.http.get(path).json()["status"])


@pytest.fixture(params=["+1h", "-1h"])
def hosts(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[Hosts]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    common = {"REDIS_URL": redis_url, "PORT": str(port), "POLLABLE_JOBS": "tests.system.patient"}
    common |= {"POLLABLE_HOST": "127.0.0.1"}
    with ExitStack() as stack:

        def start(*command: str, offset: str) -> Running:
            log = tmp_path / f"{command[-1]}{offset}.log"
            running_there = running([sys.executable, *command], url=url, log=log, settings=common | shifted(offset))
            return stack.enter_context(running_there)

        workers = [start("worker.py", offset=offset) for offset in WORKERS]
        web = start("-m", "pollable", "serve", offset=request.param)
        until(lambda: is_ready(web))
        yield Hosts(web, workers)


def test_the_clock_of_the_web_process_is_off(hosts: Hosts) -> None:
    logged = datetime.fromisoformat(json.loads(hosts.web.log.splitlines()[0])["time"]).replace(tzinfo=UTC)
    assert 3500 < abs((datetime.now(UTC) - logged).total_seconds()) < 3700


def test_a_delayed_job_says_when_it_is_due_and_begins_then(hosts: Hosts) -> None:
    path, retry_after_s = hosts.submit(0.0, delay=8)
    assert retry_after_s in (7, 8)
    polled = hosts.web.http.get(path)
    assert polled.json()["status"] == "scheduled"
    assert 2 <= int(polled.headers["retry-after"]) <= 8
    until(lambda: hosts.status(path) == "succeeded", within_s=30)
    job = hosts.web.http.get(path).json()
    assert job["createdAt"] < job["startedAt"] < job["completedAt"] < job["expiresAt"]
    began, created = (datetime.fromisoformat(job[name]) for name in ("startedAt", "createdAt"))
    assert 8 <= (began - created).total_seconds() < 12


def test_a_lost_job_is_found_by_the_other_worker(hosts: Hosts) -> None:
    paths = [hosts.submit(5.0)[0] for _ in range(2)]
    until(lambda: [hosts.status(path) for path in paths] == ["running"] * 2)
    os.killpg(hosts.workers[0].process.pid, signal.SIGKILL)
    until(lambda: [hosts.status(path) for path in paths] == ["succeeded"] * 2, within_s=45)
    assert sorted(hosts.web.http.get(path).json()["attempts"] for path in paths) == [1, 2]


def test_a_young_job_is_asked_for_as_a_young_job(hosts: Hosts) -> None:
    path, _ = hosts.submit(0.0, delay=60)
    shown = hosts.web.http.get(path.replace("/jobs/", "/api/v1/jobs/"))
    assert shown.json()["status"] == "running"
    # `minimal` backs off with the job's age, up to 10 s; a job that is due later is due in 30 s at most.
    assert int(shown.headers["retry-after"]) == 30
