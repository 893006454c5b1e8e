"""A Redis that answers, and says no: as if it were away, for workers that wait, that start and that end."""

import signal

import pytest

from pollable.model import State
from tests.saying_no import ContraryRedis
from tests.worker.contrary import WRITES_REFUSED, contrary, desk, pass_by, quiet, refusals, staff
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff

__all__ = ["contrary", "desk", "staff"]


@refusals([*WRITES_REFUSED, "BUSY", "NOPERM"])
def test_an_idle_worker_outlasts_refusals(contrary: ContraryRedis, desk: Desk, staff: Staff, no: str) -> None:
    worker = staff.start()
    with contrary.saying(no):
        late = staff.hire()
        pass_by(4)
        quiet(worker, late)
    staff.until_listening(late)
    assert desk.ended(desk.submit("nap"), within_s=30).state is State.SUCCEEDED
    quiet(worker, late)


@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_a_worker_that_is_refused_obeys_sigterm(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal, arguments: tuple[str, ...]
) -> None:
    worker = staff.start("--grace-s", "6", *arguments)
    job_id = desk.submit("nap", plan={"nap_s": 1}, max_attempts=2)
    journal.started(job_id)
    with contrary.saying("READONLY"):
        pass_by(2)
        worker.send(signal.SIGTERM)
        assert worker.exited(within_s=15) == 0
        # In a simple worker RQ takes the outcome that could not be written for the job's own exception.
        assert arguments or "Traceback" not in worker.log
    staff.start()
    assert desk.ended(job_id, within_s=30).state is State.SUCCEEDED
