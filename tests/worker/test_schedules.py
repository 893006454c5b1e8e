"""When a job begins: delays, pauses between attempts, and which queue comes first."""

import signal

import pytest

from service.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff

LATE_S = 4.0
"""RQ's scheduler looks once a second, at whole seconds; the rest is for a loaded machine."""


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
    # Of two workers the first has RQ's scheduler, and its lock.
    first = staff.start()
    staff.start()
    first.send(number)
    assert first.exited(within_s=10) in {0, -signal.SIGKILL}
    job_id = desk.submit("nap", delay_ms=500)
    due_s = (desk.read(job_id).run_at or 0) / 1000
    assert desk.ended(job_id).state is State.SUCCEEDED
    assert due_s <= journal.started(job_id).at < due_s + LATE_S
    assert journal.executions(job_id) == 1


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
    queues = ["low", "default", "high"] * 3
    jobs = {desk.submit("nap", queue=queue): queue for queue in queues}
    staff.start("--queues", "high,default,low")
    assert {desk.ended(job_id).state for job_id in jobs} == {State.SUCCEEDED}
    began = [jobs[entry.job_id] for entry in journal.entries("start")]
    assert began == ["high"] * 3 + ["default"] * 3 + ["low"] * 3
