"""Orphans: whoever becomes their parent waits for them, and takes them for nobody else."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff, WorkerProcess
from tests.worker.waiting import until

KIN = "tests.worker.kin"
SANDBOX = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"]
PR_SET_CHILD_SUBREAPER = 36
ADOPTING = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({PR_SET_CHILD_SUBREAPER}, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def as_process_1() -> list[str]:
    if shutil.which("unshare") is None or subprocess.run([*SANDBOX, "true"], capture_output=True).returncode:
        pytest.skip("nobody but process 1 may make a space of process ids here")
    return [*SANDBOX, sys.executable]


def as_a_subreaper() -> list[str]:
    return [sys.executable, "-c", ADOPTING]


# Orphans of a crew's members come to the crew also where another process made it a subreaper.
adopting = pytest.mark.parametrize("start", [as_process_1, as_a_subreaper], ids=["process_1", "subreaper"])


def children(pid: int) -> dict[int, str]:
    """Their states; without the shell that sees to it that no worker outlives its test."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = path.read_text().rpartition(") ")
            state, parent = rest.split()[:2]
            if int(parent) == pid and not name.endswith("(sh"):
                found[int(path.parent.name)] = state
    return found


def zombies(pid: int) -> list[int]:
    return [child for child, state in children(pid).items() if state == "Z"]


def test_a_worker_waits_for_orphans_while_their_job_runs(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.hire(within=as_process_1(), POLLABLE_JOBS=KIN)
    job_id = desk.submit("leave_orphans")
    journal.started(job_id)
    pid = inner(worker)
    # Its horse and the next one are there, too.
    until(lambda: len(children(pid)) > 3, within_s=10, what="orphans")
    until(lambda: not zombies(pid) and len(children(pid)) == 2, within_s=10, what="their burial")
    assert desk.read(job_id).state is State.RUNNING
    assert desk.ended(job_id).state is State.SUCCEEDED


def test_a_simple_worker_waits_for_orphans_when_their_job_has_ended(desk: Desk, staff: Staff) -> None:
    worker = staff.hire("--simple", within=as_process_1(), POLLABLE_JOBS=KIN)
    assert desk.ended(desk.submit("leave_orphans")).state is State.SUCCEEDED
    until(lambda: not children(inner(worker)), within_s=10, what="their burial")


@adopting
def test_a_crew_takes_no_orphan_for_one_of_its_own(
    desk: Desk, staff: Staff, journal: Journal, start: Callable[[], list[str]]
) -> None:
    crew = staff.hire("--workers", "2", within=start(), POLLABLE_JOBS=KIN)
    job_id = desk.submit("leave_orphans", max_attempts=2)
    journal.started(job_id)
    pid = inner(crew)
    until(lambda: len(children(pid)) >= 2, within_s=10, what="the crew")
    # One of them has a work-horse, and that has children; all of them are the crew's once it has gone.
    busy = max(children(pid), key=lambda member: len(children(member)))
    os.kill(busy, signal.SIGKILL)
    assert desk.ended(job_id, within_s=30).state is State.SUCCEEDED
    until(lambda: not zombies(pid) and len(children(pid)) == 2, within_s=10, what="two members")
    assert crew.log.count("is replaced") == 1
    assert "no more are started" not in crew.log


def inner(worker: WorkerProcess) -> int:
    """The worker itself, as the processes outside number it."""
    outer = children(worker.pid)
    return next(iter(outer)) if b"unshare" in Path(f"/proc/{worker.pid}/cmdline").read_bytes() else worker.pid
