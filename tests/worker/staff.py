"""The worker's side: `python worker.py` as a process of its own, that can be signalled, and is always stopped."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from pollable.cli.owned_process import OwnedProcess
from pollable.serializer import JSON
from tests.worker.journal import JOURNAL, Journal
from tests.worker.waiting import is_alive, until

ROOT = Path(__file__).parents[2]
ACTS = "tests.worker.acts"


class WorkerProcess:
    """A worker in a session of its own: whatever is sent to its group reaches nobody else."""

    def __init__(self, *command: str, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._child = OwnedProcess(command, environment=environment, output=output)
        self.pid = self._child.pid

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code

    @property
    def log(self) -> str:
        return self._log.read_text()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def send_group(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)

    def exited(self, *, within_s: float) -> int:
        """Its exit code, once it has ended."""
        until(lambda: self.exit_code is not None, within_s=within_s, what=f"the end of worker {self.pid}")
        assert self.exit_code is not None
        return self.exit_code

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self._child.stop()


class Staff:
    """Starts workers on one Redis, and stops them all."""

    def __init__(self, directory: Path, *, redis_url: str, lease_s: float) -> None:
        self._directory = directory
        self._redis_url = redis_url
        self._lease_s = lease_s
        self.workers: list[WorkerProcess] = []
        self.journal = Journal(directory / "journal")

    def hire(
        self,
        *arguments: str,
        lease_s: float | None = None,
        within: Sequence[str] = (sys.executable,),
        **environment: str,
    ) -> WorkerProcess:
        """A worker that may not be listening yet. `within` is what runs it."""
        program = str(ROOT / "worker.py")
        return self._employ(*within, program, *arguments, POLLABLE_LEASE_S=str(lease_s or self._lease_s), **environment)

    def hire_plain(
        self, serializer: str = f"{JSON.__module__}.{JSON.__qualname__}", **environment: str
    ) -> WorkerProcess:
        """RQ's own worker, on the queue of jobs that name none."""
        command = f"{sys.executable} -m rq.cli worker pollable --url {self._redis_url} --serializer {serializer}"
        return self._employ(*command.split(), POLLABLE_LEASE_S=str(self._lease_s), **environment)

    def start(self, *arguments: str, lease_s: float | None = None, **environment: str) -> WorkerProcess:
        """A worker that listens."""
        worker = self.hire(*arguments, lease_s=lease_s, **environment)
        self.until_listening(worker)
        return worker

    def until_listening(self, worker: WorkerProcess) -> None:
        # A look is a connection: more of them would take from the worker, which begins meanwhile.
        what = f"worker {worker.pid} listening"
        until(lambda: worker.pid in self.listening_pids(), within_s=30, what=what, every_s=0.05)

    def listening_pids(self) -> set[int]:
        """The processes that wait for a job."""
        with redis.Redis.from_url(self._redis_url) as client:
            found: list[Any] = [client.hmget(key, "pid", "state") for key in client.smembers("rq:workers")]
        return {int(pid) for pid, state in found if state == b"idle" and is_alive(int(pid))}

    def _employ(self, *command: str, **environment: str) -> WorkerProcess:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("POLLABLE_")}
        variables = inherited | {
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": self._redis_url,
            "POLLABLE_JOBS": ACTS,
            JOURNAL: str(self.journal.path),
        }
        log = self._directory / f"worker{len(self.workers)}.log"
        worker = WorkerProcess(*command, environment=variables | environment, log=log)
        self.workers.append(worker)
        return worker

    def only_name(self) -> str:
        """RQ's name of the one worker that there is."""
        with redis.Redis.from_url(self._redis_url, decode_responses=True) as client:
            (key,) = client.smembers("rq:workers")
        return str(key).removeprefix("rq:worker:")

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
            # Shown where the test failed.
            print(f"--- worker {worker.pid}\n{worker.log}")


@contextmanager
def staff_of(directory: Path, *, redis_url: str, lease_s: float) -> Iterator[Staff]:
    staff = Staff(directory, redis_url=redis_url, lease_s=lease_s)
    try:
        yield staff
    finally:
        staff.close()
