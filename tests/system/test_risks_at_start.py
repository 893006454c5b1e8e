"""Web process and worker say when they start what their Redis may lose, once each; unless that was accepted."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.running import ROOT, Running, free_port, is_ready, running, until

RISKS = ("nothing is on disk", "maxmemory-policy allkeys-lru: a full Redis throws jobs away, accepted ones too")
NAP = """
from pollable import job_type

@job_type("nap")
def nap(seconds: int) -> str:
    return "rested"
"""


@pytest.fixture
def evicting_url(redis_program: Path, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    place = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--logfile", "redis.log"]
    command = [str(redis_program), *place, "--save", "", "--maxmemory-policy", "allkeys-lru"]
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "redis", settings={}):
        yield f"redis://127.0.0.1:{port}"


@contextmanager
def started(evicting_url: str, directory: Path, **settings: str) -> Iterator[tuple[Running, Running]]:
    """Web and worker; the worker's code is another deployment's."""
    (directory / "newer_nap.py").write_text(NAP)
    port = free_port()
    both = {"REDIS_URL": evicting_url, "POLLABLE_LOG_FORMAT": "text", **settings}
    of_web = {**both, "POLLABLE_JOBS": "tests.system.patient", "POLLABLE_HOST": "127.0.0.1", "PORT": str(port)}
    of_worker = {**both, "POLLABLE_JOBS": "newer_nap", "PYTHONPATH": f"{ROOT}:{directory}"}
    url = f"http://127.0.0.1:{port}"
    serve, work = ([sys.executable, "-m", "pollable", name] for name in ("serve", "worker"))
    with (
        running(serve, url=url, log=directory / "web", settings=of_web) as web,
        running(work, url=url, log=directory / "worker", settings=of_worker) as worker,
    ):
        until(lambda: is_ready(web), within_s=30)
        yield web, worker


def test_each_risk_is_a_line_in_the_log_of_each_process(evicting_url: str, tmp_path: Path) -> None:
    with started(evicting_url, tmp_path) as (web, worker):
        for process in (web, worker):
            until(lambda process=process: all(risk in process.log for risk in RISKS), within_s=30)  # type: ignore[misc]
        told = web.http.get("/readyz").json()["risks"]
        assert {"eviction", "persistence", "catalog"} <= {each["risk"] for each in told}
        for process in (web, worker):
            lines = [line for line in process.log.splitlines() if any(risk in line for risk in RISKS)]
            assert len(lines) == len(RISKS)
            assert all("WARNING" in line.upper() for line in lines)


def test_what_was_accepted_is_not_told(evicting_url: str, tmp_path: Path) -> None:
    with started(evicting_url, tmp_path, POLLABLE_REDIS_RISKS="accepted") as (web, worker):
        told = web.http.get("/readyz").json()["risks"]
        assert [each["risk"] for each in told] == ["catalog"]
        assert not any(risk in web.log + worker.log for risk in RISKS)
