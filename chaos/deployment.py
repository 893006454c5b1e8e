"""A deployment under test: web processes and workers as an operator starts them, on the Redis that it is given."""

import itertools
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from redis import Redis

from chaos import journal
from chaos.calling import Caller
from chaos.processes import ROOT, Process
from chaos.waiting import until

START_S = 60.0
PAGES = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


class Deployment:
    """Starts processes, and stops them all. `settings` go to each of them."""

    def __init__(self, directory: Path, *, redis_url: str, side_url: str, settings: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = _inherited() | {
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": redis_url,
            "POLLABLE_JOBS": "chaos.jobs",
            "POLLABLE_LOG_FORMAT": "text",
            journal.SIDE: side_url,
        }
        self._environment |= settings
        self.redis_url = redis_url
        self.processes: list[Process] = []
        self._numbers = itertools.count()

    def web(self, *, port: int = 0, settings: Mapping[str, str] | None = None) -> tuple[Process, tuple[str, int]]:
        """A web process that listens, and where. Port 0 is one that is free."""
        own = {"PORT": str(port), "POLLABLE_HOST": "127.0.0.1"} | dict(settings or {})
        process = self.start(sys.executable, "-m", "pollable", "serve", settings=own)
        until(lambda: PAGES.search(process.log), within_s=START_S, what="a web process that listens")
        found = PAGES.search(process.log)
        assert found is not None
        address = ("127.0.0.1", int(found[1]))
        probe = Caller(address)
        until(lambda: probe.ask("GET", "/healthz").status == 200, within_s=START_S, what="a web process that answers")
        probe.close()
        return process, address

    def worker(
        self, *arguments: str, output: IO[bytes] | None = None, settings: Mapping[str, str] | None = None
    ) -> Process:
        """A worker that may not be listening yet."""
        return self.start(sys.executable, ROOT / "worker.py", *arguments, output=output, settings=settings)

    def listening_worker(self, *arguments: str, settings: Mapping[str, str] | None = None) -> Process:
        """A worker that listens."""
        worker = self.worker(*arguments, settings=settings)
        until(lambda: self.listens(worker), within_s=START_S, what="a worker that listens")
        return worker

    def start(
        self, *command: str | Path, output: IO[bytes] | None = None, settings: Mapping[str, str] | None = None
    ) -> Process:
        """Any other process, in the environment of the deployment; what it prints goes to its log or `output`."""
        log = self._directory / f"{next(self._numbers):04d}.log"
        process = Process(command, environment={**self._environment, **(settings or {})}, log=log, output=output)
        self.processes.append(process)
        return process

    def listens(self, *workers: Process) -> bool:
        """Whether all of these wait for jobs, as RQ's register says."""
        prefix = self._environment.get("RQ_KEY_PREFIX", "rq")
        with Redis.from_url(self.redis_url) as redis:
            known: set[bytes] = redis.smembers(f"{prefix}:workers")
            found = [redis.hmget(key.decode(), "pid", "state") for key in known]
        idle = {int(pid) for pid, state in found if pid and state in (b"idle", b"busy")}
        return all(worker.pid in idle for worker in workers)

    def close(self) -> None:
        for process in self.processes:
            process.close()


def _inherited() -> dict[str, str]:
    ours = ("POLLABLE_", "REDIS_URL", "PORT", "WEB_CONCURRENCY", "RQ_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
