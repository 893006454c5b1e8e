"""The side log: which attempts began and ended, in which processes. A file, so that it outlives Redis and workers."""

import time
from pathlib import Path

import msgspec

from tests.worker.waiting import until

JOURNAL = "ACTS_JOURNAL"
"""The variable that tells a worker's jobs where the journal is."""


class Entry(msgspec.Struct, frozen=True):
    """One line. `pid` is the process that ran the job, `parent_pid` its worker; `at` is seconds since the epoch."""

    event: str
    job_id: str
    pid: int
    parent_pid: int
    at: float


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def entries(self, event: str, job_id: str | None = None) -> list[Entry]:
        # The last line may be half written.
        lines = [line.split() for line in self.path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        found = [Entry(name, of, int(pid), int(parent), float(at)) for name, of, pid, parent, at in lines]
        return [entry for entry in found if entry.event == event and job_id in (None, entry.job_id)]

    def executions(self, job_id: str) -> int:
        return len(self.entries("start", job_id))

    def started(self, job_id: str, *, times: int = 1, within_s: float = 20) -> Entry:
        """The job's start number `times`, once it has come."""
        until(lambda: self.executions(job_id) >= times, within_s=within_s, what=f"start {times} of job {job_id}")
        return self.entries("start", job_id)[times - 1]

    def runs_on(self, job_id: str, *, for_s: float) -> bool:
        """Whether the job has been at it for so long since its start."""
        return time.time() - self.entries("start", job_id)[-1].at > for_s
