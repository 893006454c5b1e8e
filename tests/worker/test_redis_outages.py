"""A Redis that is killed, and comes back with what it had written."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from pollable.model import State
from pollable.settings import Settings
from tests.worker.desk import Desk
from tests.worker.durable import DurableRedis
from tests.worker.journal import Journal
from tests.worker.staff import Staff, WorkerProcess, staff_of
from tests.worker.waiting import until

OUTAGE_S = 3.0
LEASE_S = 3.0
"""As long as the outage: the job's worker must have time to say that it is alive still."""


@pytest.fixture
def durable(redis_program: Path) -> Iterator[DurableRedis]:
    durable = DurableRedis(redis_program)
    yield durable
    durable.close()


@pytest.fixture
def staff(durable: DurableRedis, tmp_path: Path) -> Iterator[Staff]:
    with staff_of(tmp_path, redis_url=durable.url, lease_s=LEASE_S) as staff:
        yield staff


@pytest.fixture
def desk(durable: DurableRedis) -> Iterator[Desk]:
    with Desk(Settings(redis_url=durable.url, lease_s=LEASE_S)) as desk:
        yield desk
    assert desk.violations == []


def away(worker: WorkerProcess) -> None:
    until(lambda: "Redis is away" in worker.log, within_s=20, what="the worker noticing")


@pytest.mark.parametrize(("nap_s", "timeout_s"), [(6, 60), (1.5, 60), (1.5, 2)], ids=["before", "during", "timeout"])
def test_the_outcome_of_a_job_outlasts_an_outage(
    durable: DurableRedis, desk: Desk, staff: Staff, journal: Journal, nap_s: float, timeout_s: int
) -> None:
    """The job ends after Redis is back, while it is away, or had its time limit pass meanwhile."""
    durable.start()
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": nap_s}, timeout_s=timeout_s, max_attempts=2)
    journal.started(job_id)
    desk.until(job_id, lambda job: job.state is State.RUNNING)
    durable.kill()
    until(lambda: journal.runs_on(job_id, for_s=OUTAGE_S), within_s=20, what="the outage over")
    durable.start()
    job = desk.ended(job_id, within_s=30)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, 1, 1)
    assert worker.exit_code is None
    assert desk.ended(desk.submit("nap"), within_s=30).state is State.SUCCEEDED


def test_a_job_outlasts_a_redis_that_does_not_answer(
    durable: DurableRedis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    durable.start()
    staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 1.5}, max_attempts=2)
    journal.started(job_id)
    desk.until(job_id, lambda job: job.state is State.RUNNING)
    durable.freeze()
    until(lambda: journal.runs_on(job_id, for_s=LEASE_S + 2), within_s=20, what="the outage over")
    durable.thaw()
    job = desk.ended(job_id, within_s=30)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, 1, 1)


def test_an_outage_between_claim_and_start_costs_no_attempt(
    durable: DurableRedis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    durable.start()
    # The horse is slow to begin, so that the outage comes first.
    staff.start(ACTS_SLOW_FORK_S="1")
    job_id = desk.submit("nap")
    claimed = desk.until(job_id, lambda job: job.state is State.RUNNING)
    durable.freeze()
    ends_at = time.monotonic() + LEASE_S + 3
    until(lambda: time.monotonic() > ends_at, within_s=20, what="the outage over")
    durable.thaw()
    job = desk.ended(job_id, within_s=30)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, claimed.attempts, 1)


def test_an_idle_worker_outlasts_an_outage(durable: DurableRedis, desk: Desk, staff: Staff) -> None:
    durable.start()
    worker = staff.start()
    durable.kill()
    away(worker)
    durable.start()
    assert desk.ended(desk.submit("nap"), within_s=30).state is State.SUCCEEDED
    assert worker.exit_code is None


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(durable: DurableRedis, desk: Desk, staff: Staff) -> None:
    worker = staff.hire()
    away(worker)
    durable.start()
    assert desk.ended(desk.submit("nap"), within_s=30).state is State.SUCCEEDED
    assert worker.exit_code is None


def test_a_worker_that_never_found_redis_obeys_sigterm(staff: Staff) -> None:
    worker = staff.hire()
    away(worker)
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=10) == 0


def test_a_worker_whose_redis_went_away_obeys_sigterm(durable: DurableRedis, staff: Staff) -> None:
    durable.start()
    worker = staff.start()
    durable.kill()
    away(worker)
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=15) == 0


def test_a_busy_worker_whose_redis_went_away_goes_within_its_grace_and_its_job_is_run_again(
    durable: DurableRedis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    durable.start()
    worker = staff.start("--grace-s", "8")
    job_id = desk.submit("long_at_first", plan={"nap_s": 60, "succeeds_on": 2}, max_attempts=2)
    journal.started(job_id)
    durable.kill()
    worker.send(signal.SIGTERM)
    worker.exited(within_s=8)
    durable.start()
    staff.start()
    assert desk.ended(job_id, within_s=30).result == b"2"


def test_what_a_worker_lost_with_redis_comes_back_with_the_next_worker(
    durable: DurableRedis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    durable.start()
    worker = staff.start()
    running = desk.submit("nap", plan={"nap_s": 60})
    waiting = desk.submit("nap")
    journal.started(running)
    durable.kill()
    worker.send(signal.SIGKILL)
    durable.start()
    staff.start()
    job = desk.ended(running, within_s=15)
    assert job.error is not None
    assert job.error.code == "worker_lost"
    assert desk.ended(waiting).state is State.SUCCEEDED
    with Redis.from_url(durable.url) as client:
        assert client.zcard("rq:pollable:leases") == 0
