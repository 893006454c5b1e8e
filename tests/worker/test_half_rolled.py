"""Deployments that are half rolled out: workers of two catalogs on one queue. Nothing is lost, whoever came first."""

import signal

import pytest

from pollable.model import Job, State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import ACTS, Staff

NEWER = f"{ACTS},tests.worker.newer_acts"


def is_stalled(job: Job) -> bool:
    return job.state is State.QUEUED and job.stalled


def test_a_new_type_waits_for_the_newer_worker_and_holds_up_nobody(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start()
    desk.reap()
    new = [desk.submit("novelty") for _ in range(3)]
    old = desk.submit("nap")
    assert desk.ended(old).state is State.SUCCEEDED
    assert desk.until(new[0], is_stalled).stalled_reason is not None
    staff.start(POLLABLE_JOBS=NEWER)
    assert {desk.ended(job_id).state for job_id in new} == {State.SUCCEEDED}
    assert [journal.executions(job_id) for job_id in new] == [1, 1, 1]


def test_an_old_and_a_new_worker_share_what_both_know(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start()
    staff.start(POLLABLE_JOBS=NEWER)
    jobs = [desk.submit(act) for act in ("nap", "novelty", "nap", "novelty") * 5]
    assert {desk.ended(job_id).state for job_id in jobs} == {State.SUCCEEDED}
    assert {journal.executions(job_id) for job_id in jobs} == {1}
    assert len({entry.parent_pid for entry in journal.entries("start")}) == 2


def test_a_new_type_survives_the_death_of_the_worker_that_knew_it(desk: Desk, staff: Staff, journal: Journal) -> None:
    newer = staff.start(POLLABLE_JOBS=NEWER)
    staff.start()
    desk.reap()
    job_id = desk.submit("novelty", plan={"nap_s": 0}, max_attempts=2)
    desk.ended(job_id)
    newer.send(signal.SIGKILL)
    newer.exited(within_s=5)
    waiting = desk.submit("novelty", max_attempts=2)
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert desk.read(waiting).state is State.QUEUED
    staff.start(POLLABLE_JOBS=NEWER)
    assert desk.ended(waiting).state is State.SUCCEEDED
    assert journal.executions(waiting) == 1


@pytest.mark.parametrize("delay_ms", [0, 500])
def test_an_rq_worker_of_the_older_deployment_gives_a_new_type_back(
    desk: Desk, staff: Staff, journal: Journal, delay_ms: int
) -> None:
    staff.hire_plain()
    desk.reap()
    job_id = desk.submit("novelty", delay_ms=delay_ms or None)
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    staff.start(POLLABLE_JOBS=NEWER)
    assert desk.ended(job_id, within_s=40).state is State.SUCCEEDED
    assert journal.executions(job_id) == 1
