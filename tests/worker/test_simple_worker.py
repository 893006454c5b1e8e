"""`--simple`: jobs in the worker process itself."""

import signal

from pollable.model import State
from tests.worker.conftest import LEASE_S
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff


def test_jobs_run_in_the_worker_itself(desk: Desk, staff: Staff) -> None:
    worker = staff.start("--simple")
    good, bad = desk.submit("nap"), desk.submit("return_badly", plan={"what": "set"})
    late = desk.submit("nap", plan={"nap_s": 60}, timeout_s=1)
    again = desk.submit("fail_at_first", plan={"succeeds_on": 2}, max_attempts=2)
    assert desk.ended(good).result == str(worker.pid).encode()
    errors = [desk.ended(job_id).error for job_id in (bad, late)]
    assert [error.code for error in errors if error] == ["result_unserializable", "timeout"]
    assert desk.ended(again).result == b"2"


def test_a_job_longer_than_its_lease_runs_once(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start("--simple")
    desk.reap()
    job_id = desk.submit("nap", plan={"nap_s": LEASE_S * 1.7}, max_attempts=2)
    job = desk.ended(job_id)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, 1, 1)


def test_a_job_is_finished_before_the_worker_goes(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start("--simple")
    job_id = desk.submit("nap", plan={"nap_s": 1})
    journal.started(job_id)
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=25) == 0
    assert desk.ended(job_id).state is State.SUCCEEDED


def test_a_job_that_ends_the_worker_is_run_again_by_the_next(desk: Desk, staff: Staff) -> None:
    worker = staff.start("--simple")
    job_id = desk.submit("end_badly", plan={"what": "exit_3"}, max_attempts=2)
    assert worker.exited(within_s=10) == 3
    assert desk.read(job_id).state is State.RUNNING
    staff.start()
    job = desk.ended(job_id, within_s=15)
    assert job.error is not None
    assert (job.error.code, job.attempts) == ("killed", 2)
