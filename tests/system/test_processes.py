"""Web and worker started one by one, as a platform does."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.system.running import Running, free_port, is_ready, listens, running, until

WEB = [sys.executable, "-m", "pollable", "serve"]
WORKER = [sys.executable, "worker.py"]


class Platform:
    """Starts the processes of one deployment."""

    def __init__(self, redis_url: str, stack: ExitStack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self._settings = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": "tests.system.patient"}

    def start(self, command: list[str], **settings: str) -> Running:
        port = settings.setdefault("PORT", str(free_port()))
        log = self._directory / f"{port}-{len(command)}.log"
        complete = {**self._settings, **settings}
        url = f"http://127.0.0.1:{port}"
        return self._stack.enter_context(running(command, url=url, log=log, settings=complete))


@pytest.fixture
def platform(redis_url: str, tmp_path: Path) -> Iterator[Platform]:
    with ExitStack() as stack:
        yield Platform(redis_url, stack, tmp_path)


def nap(web: Running, seconds: float) -> str:
    answer = web.http.post("/jobs", json={"type": "nap", "payload": seconds})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_finished_job_reads_null_once_its_ttl_has_passed(platform: Platform) -> None:
    web = platform.start(WEB)
    platform.start(WORKER)
    until(lambda: is_ready(web))
    job_id = nap(web, 0.0)
    until(lambda: web.job_status(job_id) == {"status": "finished", "result": "rested"})
    until(lambda: web.job_status(job_id) != {"status": "finished", "result": "rested"})
    assert web.job_status(job_id) == {"status": None}


def test_without_a_worker_the_service_is_alive_but_not_ready(platform: Platform) -> None:
    web = platform.start(WEB)
    until(lambda: listens(web))
    assert web.http.get("/readyz").status_code == 503
    assert web.job_status(nap(web, 0.0)) == {"status": "queued"}


def test_a_job_that_outlasts_the_grace_is_handed_to_the_next_worker(platform: Platform) -> None:
    web = platform.start(WEB)
    first = platform.start([*WORKER, "--grace-s", "1"])
    until(lambda: is_ready(web))
    job_id = nap(web, 4.0)
    until(lambda: web.job_status(job_id) == {"status": "started"})
    assert first.stop(within_s=3) == 0
    assert web.job_status(job_id) == {"status": "queued"}
    platform.start(WORKER)
    until(lambda: web.job_status(job_id)["status"] == "finished")
    assert web.http.get(f"/jobs/{job_id}").json()["attempts"] == 2


def test_several_web_processes_share_one_port(platform: Platform) -> None:
    web = platform.start(WEB, WEB_CONCURRENCY="2")
    until(lambda: web.log.count("Application startup complete") == 2)
    job_id = nap(web, 0.0)
    for _ in range(20):
        # A new connection each time, so that both processes get some.
        assert httpx.get(f"{web.url}/job_status?job_id={job_id}", trust_env=False).json() == {"status": "queued"}


def test_sigterm_ends_the_web_process_at_once_when_nobody_waits(platform: Platform) -> None:
    web = platform.start(WEB)
    until(lambda: listens(web))
    web.http.close()
    assert web.stop(within_s=3) == 0
    assert "Finished server process" in web.log


def test_a_web_process_that_shows_only_foreign_jobs_needs_no_job_types(platform: Platform) -> None:
    web = platform.start(WEB, POLLABLE_JOBS="", POLLABLE_FOREIGN_JOBS="read")
    until(lambda: listens(web))
