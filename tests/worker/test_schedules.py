"""When a job begins: delays, pauses between attempts, and which queue comes first."""

import signal
import time

import pytest

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff
from tests.worker.waiting import forked_by, until

LATE_S = 4.0
"""For a loaded machine, and for RQ, which rounds moments to whole seconds."""
PROMPT_S = 1.0


def test_a_delayed_job_begins_when_it_is_due(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start()
    job_id = desk.submit("nap", delay_ms=1500)
    due_s = (desk.read(job_id).run_at or 0) / 1000
    assert desk.read(job_id).state is State.SCHEDULED
    assert desk.ended(job_id).state is State.SUCCEEDED
    assert due_s <= journal.started(job_id).at < due_s + LATE_S


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["by_sigterm", "by_sigkill"])
def test_a_delayed_job_begins_when_it_is_due_although_the_workers_scheduler_went(
    desk: Desk, staff: Staff, journal: Journal, number: signal.Signals
) -> None:
    first = staff.start()
    staff.start()
    first.send(number)
    assert first.exited(within_s=10) in {0, -signal.SIGKILL}
    job_id = desk.submit("nap", delay_ms=500)
    due_s = (desk.read(job_id).run_at or 0) / 1000
    assert desk.ended(job_id).state is State.SUCCEEDED
    assert due_s <= journal.started(job_id).at < due_s + LATE_S
    assert journal.executions(job_id) == 1


@pytest.mark.parametrize("arguments", [(), ("--workers", "3")], ids=["two_workers", "crew_beside_one"])
def test_due_jobs_begin_within_a_second_whoever_takes_them(
    desk: Desk, staff: Staff, journal: Journal, arguments: tuple[str, ...]
) -> None:
    staff.start()
    staff.hire(*arguments)
    desk.reap()
    until(lambda: len(staff.listening_pids()) == (4 if arguments else 2), within_s=30, what="workers listening")
    jobs = [desk.submit("nap", delay_ms=3000 + 700 * number) for number in range(5)]
    assert {desk.ended(job_id).state for job_id in jobs} == {State.SUCCEEDED}
    late_s = [journal.started(job_id).at - (desk.read(job_id).run_at or 0) / 1000 for job_id in jobs]
    assert 0 <= min(late_s) <= max(late_s) < PROMPT_S
    assert [journal.executions(job_id) for job_id in jobs] == [1] * 5


def test_what_became_due_while_there_were_no_workers_is_taken_by_the_first(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    desk.reap()
    jobs = [desk.submit("nap", delay_ms=500) for _ in range(3)]
    due_s = max((desk.read(job_id).run_at or 0) / 1000 for job_id in jobs)
    until(lambda: time.time() > due_s + 3, within_s=10, what="the jobs overdue")
    staff.start()
    listened_at = time.time()
    assert {desk.ended(job_id).state for job_id in jobs} == {State.SUCCEEDED}
    assert max(journal.started(job_id).at for job_id in jobs) < listened_at + PROMPT_S


def test_a_worker_has_no_child_but_the_horse_of_its_job_and_the_next_one(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    worker = staff.start()
    # Due when the other has ended: it has a horse of its own.
    delayed = desk.submit("nap", delay_ms=8000)
    job_id = desk.submit("nap", plan={"nap_s": 3})
    horse = journal.started(job_id)
    while not desk.seen(job_id)[-1].state.is_final:
        assert len(set(forked_by(worker.pid)) - {horse.pid}) <= 1
    assert desk.ended(delayed).state is State.SUCCEEDED
    until(lambda: len(forked_by(worker.pid)) == 1, within_s=5, what="no child but a horse that is ready")


def test_a_failed_attempt_is_followed_by_the_next_after_the_pause_of_its_job_type(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    staff.start()
    job_id = desk.submit("fail_at_first", plan={"succeeds_on": 3}, max_attempts=3)
    desk.until(job_id, lambda job: job.state is State.SCHEDULED and job.attempts == 1)
    job = desk.ended(job_id)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, b"3", 3)
    first, second, third = journal.entries("start", job_id)
    # RQ rounds the moment down to a whole second.
    assert 1 <= second.at - first.at < 2 + LATE_S
    assert 1 <= third.at - second.at < 2 + LATE_S


def test_a_job_that_fails_every_attempt_fails_with_the_last_ones_code(desk: Desk, staff: Staff) -> None:
    staff.start()
    job = desk.ended(desk.submit("fail_at_first", plan={"succeeds_on": 9}, max_attempts=2))
    assert job.error is not None
    assert (job.state, job.error.code, job.error.message) == (State.FAILED, "not_yet", "attempt 2")


def test_jobs_begin_in_the_order_of_their_queues(desk: Desk, staff: Staff, journal: Journal) -> None:
    queues = ["pollable-low", "pollable", "pollable-high"] * 3
    jobs = {desk.submit("nap", queue=queue): queue for queue in queues}
    staff.start("--queues", "pollable-high,pollable,pollable-low")
    assert {desk.ended(job_id).state for job_id in jobs} == {State.SUCCEEDED}
    began = [jobs[entry.job_id] for entry in journal.entries("start")]
    assert began == ["pollable-high"] * 3 + ["pollable"] * 3 + ["pollable-low"] * 3
