"""What a job started ends with it: forked, in a session of its own, detached, whoever ends the job and how."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Entry, Journal
from tests.worker.kin import STARTS
from tests.worker.staff import Staff, WorkerProcess
from tests.worker.waiting import is_alive, until

KIN = "tests.worker.kin"
PROMPT_S = 5
SWEPT_S = 15
"""By another worker of the machine: it looks every 5 s."""


class Kin:
    """Who was started by the jobs of a test."""

    def __init__(self, journal: Journal) -> None:
        self._roll = Path(f"{journal.path}.kin")

    @property
    def pids(self) -> list[int]:
        return [int(pid) for pid in self._roll.read_text().split()] if self._roll.exists() else []

    @property
    def alive(self) -> list[int]:
        return [pid for pid in self.pids if is_alive(pid)]

    def gone(self, *, within_s: float) -> None:
        until(lambda: not self.alive, within_s=within_s, what="the end of what the job started")


@pytest.fixture
def kin(journal: Journal) -> Kin:
    return Kin(journal)


def raised(desk: Desk, journal: Journal, ending: str, **limits: int) -> tuple[str, Entry]:
    """A job that runs with its whole family, and who runs it."""
    job_id = desk.submit("raise_family", plan={"ending": ending}, **limits)
    until(lambda: journal.entries("family", job_id), within_s=40, what="the family")
    return job_id, journal.entries("start", job_id)[0]


@pytest.mark.parametrize("arguments", [(), ("--simple",), ("--workers", "2")], ids=["forking", "simple", "crew"])
@pytest.mark.parametrize("ending", ["return", "raise"])
def test_they_end_when_it_returns_or_raises(
    desk: Desk, staff: Staff, journal: Journal, kin: Kin, arguments: tuple[str, ...], ending: str
) -> None:
    staff.hire(*arguments, POLLABLE_JOBS=KIN)
    job_id, _ = raised(desk, journal, ending)
    assert desk.ended(job_id).state is (State.SUCCEEDED if ending == "return" else State.FAILED)
    assert len(kin.pids) == len(STARTS)
    kin.gone(within_s=PROMPT_S)


@pytest.mark.parametrize(
    ("ending", "code"), [("wait", "timeout"), ("swallow", "timeout"), ("exit", "killed")], ids=lambda value: value
)
def test_they_end_when_it_takes_too_long_or_ends_its_process(
    desk: Desk, staff: Staff, journal: Journal, kin: Kin, ending: str, code: str
) -> None:
    staff.start(POLLABLE_JOBS=KIN)
    job_id, _ = raised(desk, journal, ending, timeout_s=6)
    error = desk.ended(job_id, within_s=40).error
    assert error is not None
    assert error.code == code
    kin.gone(within_s=PROMPT_S)


def cancel(desk: Desk, job_id: str, _worker: WorkerProcess, _horse: Entry) -> None:
    desk.cancel(job_id)


def kill_horse(_desk: Desk, _job_id: str, _worker: WorkerProcess, horse: Entry) -> None:
    os.kill(horse.pid, signal.SIGKILL)


def shut_down(_desk: Desk, _job_id: str, worker: WorkerProcess, _horse: Entry) -> None:
    worker.send(signal.SIGTERM)


@pytest.mark.parametrize("end", [cancel, kill_horse, shut_down], ids=lambda end: end.__name__)
def test_they_end_when_somebody_ends_it(
    desk: Desk, staff: Staff, journal: Journal, kin: Kin, end: Callable[[Desk, str, WorkerProcess, Entry], None]
) -> None:
    worker = staff.start("--grace-s", "4", POLLABLE_JOBS=KIN)
    job_id, horse = raised(desk, journal, "wait")
    assert len(kin.alive) == len(STARTS)
    end(desk, job_id, worker, horse)
    assert desk.ended(job_id).state in (State.CANCELLED, State.FAILED)
    kin.gone(within_s=PROMPT_S)


@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_those_of_a_killed_worker_are_gone_before_the_next_attempt_begins(
    desk: Desk, staff: Staff, journal: Journal, kin: Kin, arguments: tuple[str, ...]
) -> None:
    worker = staff.start(*arguments, POLLABLE_JOBS=KIN)
    job_id, _ = raised(desk, journal, "wait", max_attempts=2)
    staff.start(POLLABLE_JOBS=KIN)
    assert len(kin.alive) == len(STARTS)
    worker.send(signal.SIGKILL)
    job = desk.ended(job_id, within_s=30)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, b"[]", 2)
    assert not kin.alive


def test_those_of_a_killed_worker_are_ended_by_any_other_on_the_machine(
    desk: Desk, staff: Staff, journal: Journal, kin: Kin
) -> None:
    worker = staff.start(POLLABLE_JOBS=KIN)
    staff.start(POLLABLE_JOBS=KIN)
    job_id, horse = raised(desk, journal, "wait")
    os.kill(horse.parent_pid, signal.SIGKILL)
    assert desk.ended(job_id).state is State.FAILED
    kin.gone(within_s=SWEPT_S)
    assert worker.pid


def test_those_of_a_killed_worker_are_ended_by_the_next_that_starts(
    desk: Desk, staff: Staff, journal: Journal, kin: Kin
) -> None:
    worker = staff.start(POLLABLE_JOBS=KIN)
    raised(desk, journal, "wait")
    worker.send(signal.SIGKILL)
    staff.start(POLLABLE_JOBS=KIN)
    kin.gone(within_s=PROMPT_S)


def test_those_of_other_jobs_live_on(desk: Desk, staff: Staff, journal: Journal, kin: Kin) -> None:
    for _ in range(2):
        staff.start(POLLABLE_JOBS=KIN)
    _, horse = raised(desk, journal, "wait")
    neighbours = set(kin.alive)
    other, _ = raised(desk, journal, "return")
    assert desk.ended(other).state is State.SUCCEEDED
    until(lambda: not set(kin.alive) - neighbours, within_s=PROMPT_S, what="the end of one family")
    assert set(kin.alive) == neighbours
    assert is_alive(horse.pid)


ANSWERS = {"pool": b"[0,1,4,9]", "process": b"[9,0]", "program": b'["meow",0]'}


@pytest.mark.parametrize("what", ANSWERS)
@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_processes_outlive_the_thread_of_the_job_that_started_them(
    desk: Desk, staff: Staff, arguments: tuple[str, ...], what: str
) -> None:
    staff.start(*arguments, POLLABLE_JOBS=KIN)
    assert desk.ended(desk.submit("have_helpers", plan={"what": what})).result == ANSWERS[what]
