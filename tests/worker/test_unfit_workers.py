"""`rq worker`s that take our jobs and cannot run them: the job fails, and says which of their settings is wrong."""

import pytest

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff

PICKLE = "an `rq worker` reads them as pickles. Start it with --serializer pollable.serializer.JSON."
NO_JOBS = "the environment of an `rq worker` is wrong. POLLABLE_JOBS is not set: there is no job to run."
WRONG_JOBS = "the environment of an `rq worker` is wrong. POLLABLE_JOBS names 'no.such.jobs', which cannot be imported"

UNFIT = [
    pytest.param({"serializer": "pickle"}, PICKLE, id="pickle"),
    pytest.param({"serializer": "rq.serializers.DefaultSerializer"}, PICKLE, id="the default serializer by name"),
    pytest.param({"POLLABLE_JOBS": ""}, NO_JOBS, id="no job types"),
    pytest.param({"POLLABLE_JOBS": "no.such.jobs"}, WRONG_JOBS, id="a module that is not there"),
]


@pytest.mark.parametrize(("unfit", "why"), UNFIT)
def test_after_five_takings_the_job_fails_and_says_why(
    desk: Desk, staff: Staff, journal: Journal, unfit: dict[str, str], why: str
) -> None:
    staff.hire_plain(**unfit)
    desk.reap()
    job = desk.ended(desk.submit("nap"), within_s=60)
    assert job.error is not None
    assert (job.state, job.error.code, job.attempts) == (State.FAILED, "unfit_worker", 0)
    assert job.error.message.startswith(f"Workers took the job five times and could not run it: {why}")
    assert journal.entries("start") == []


def test_retries_that_rq_makes_by_itself_lead_to_the_same_end(desk: Desk, staff: Staff) -> None:
    staff.hire_plain("pickle")
    desk.reap()
    job = desk.ended(desk.submit("nap", max_attempts=3), within_s=60)
    assert (job.state, job.error and job.error.code, job.attempts) == (State.FAILED, "unfit_worker", 0)


def test_beside_a_fit_worker_every_job_runs(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.hire_plain("pickle")
    staff.start()
    desk.reap()
    jobs = [desk.submit("nap") for _ in range(8)]
    ended = [desk.ended(job_id, within_s=60) for job_id in jobs]
    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert {journal.executions(job_id) for job_id in jobs} == {1}
