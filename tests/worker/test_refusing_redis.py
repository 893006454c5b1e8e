"""A Redis that answers, and says no: as if it were away, for jobs that run."""

import pytest

from pollable.model import State
from tests.saying_no import ContraryRedis
from tests.worker.contrary import LEASE_S, WRITES_REFUSED, contrary, desk, pass_by, quiet, refusals, staff
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff

__all__ = ["contrary", "desk", "staff"]


@pytest.mark.parametrize(
    ("nap_s", "refused_s"),
    [(6.0, 2.5), (3.0, LEASE_S * 3)],
    ids=["shortly in the middle", "at the end, for three leases"],
)
def test_a_job_that_may_run_once_outlasts_refusals_of_any_length(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal, nap_s: float, refused_s: float
) -> None:
    _outlasts(contrary, desk, staff, journal, no="READONLY", nap_s=nap_s, refused_s=refused_s)


@refusals(WRITES_REFUSED)
def test_a_job_that_may_run_once_outlasts_refusals_for_two_leases(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal, no: str
) -> None:
    _outlasts(contrary, desk, staff, journal, no=no, nap_s=8.0, refused_s=LEASE_S * 2)


def _outlasts(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal, *, no: str, nap_s: float, refused_s: float
) -> None:
    workers = [staff.start(), staff.start()]
    job_id = desk.submit("nap", plan={"nap_s": nap_s}, max_attempts=1)
    journal.started(job_id)
    pass_by(1)
    with contrary.saying(no):
        pass_by(refused_s)
    job = desk.ended(job_id, within_s=30)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, 1, 1)
    quiet(*workers)
    assert desk.ended(desk.submit("nap"), within_s=30).state is State.SUCCEEDED


@refusals(["NOREPLICAS", "READONLY"])
def test_a_simple_worker_outlasts_refusals(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal, no: str
) -> None:
    worker = staff.start("--simple")
    job_id = desk.submit("nap", plan={"nap_s": 2}, max_attempts=1)
    journal.started(job_id)
    with contrary.saying(no):
        pass_by(LEASE_S * 2 + 2)
    job = desk.ended(job_id, within_s=30)
    assert (job.state, journal.executions(job_id)) == (State.SUCCEEDED, 1)
    quiet(worker)


@refusals(["MISCONF", "READONLY"])
def test_a_job_that_fails_meanwhile_fails_once(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal, no: str
) -> None:
    staff.start()
    job_id = desk.submit("end_badly", plan={"what": "slow_to_tell"}, max_attempts=1)
    journal.started(job_id)
    with contrary.saying(no):
        pass_by(LEASE_S * 2)
    job = desk.ended(job_id, within_s=30)
    assert job.error is not None
    assert (job.error.code, journal.executions(job_id)) == ("exception", 1)
