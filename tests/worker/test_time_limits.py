"""Jobs that run longer than they may."""

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff

HARD_DEADLINE_S = 5


def test_a_job_over_its_time_fails_with_timeout(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 60}, timeout_s=1)
    job = desk.ended(job_id)
    assert job.error is not None
    assert (job.state, job.error.code) == (State.FAILED, "timeout")
    assert not journal.entries("end", job_id)


def test_a_job_over_its_time_is_tried_again(desk: Desk, staff: Staff) -> None:
    staff.start()
    job_id = desk.submit("long_at_first", plan={"nap_s": 60, "succeeds_on": 2}, timeout_s=1, max_attempts=2)
    job = desk.ended(job_id)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, b"2", 2)


def test_a_job_that_swallows_its_timeout_is_killed_five_seconds_later(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    staff.start()
    job_id = desk.submit("swallow_timeout", plan={"nap_s": 60}, timeout_s=1)
    job = desk.ended(job_id)
    assert journal.entries("swallowed-JobTimeoutException", job_id)
    assert job.error is not None
    assert job.error.code == "timeout"
    assert job.started_at is not None
    assert job.ended_at is not None
    assert 1 + HARD_DEADLINE_S - 0.5 < (job.ended_at - job.started_at) / 1000 < 1 + HARD_DEADLINE_S + 3


def test_a_worker_works_on_after_a_job_over_its_time(desk: Desk, staff: Staff) -> None:
    staff.start()
    late = desk.submit("nap", plan={"nap_s": 60}, timeout_s=1)
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert desk.read(late).state is State.FAILED
