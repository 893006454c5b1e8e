"""`rq worker`, RQ's own: it runs our jobs too, only less carefully."""

from pollable.model import State
from tests.worker.conftest import LEASE_S
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff


def test_it_runs_jobs_and_tries_them_again(desk: Desk, staff: Staff) -> None:
    staff.hire_plain()
    good, bad = desk.submit("nap"), desk.submit("return_badly", plan={"what": "nan"})
    again = desk.submit("long_at_first", plan={"nap_s": 60, "succeeds_on": 2}, timeout_s=1, max_attempts=2)
    assert desk.ended(good).state is State.SUCCEEDED
    job = desk.ended(bad)
    assert job.error is not None
    assert job.error.code == "result_unserializable"
    assert desk.ended(again).result == b"2"


def test_a_job_longer_than_its_lease_runs_once(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.hire_plain()
    desk.reap()
    job_id = desk.submit("nap", plan={"nap_s": LEASE_S * 1.7}, max_attempts=2)
    job = desk.ended(job_id)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, 1, 1)
