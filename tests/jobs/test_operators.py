"""What an operator does on RQ's side of a job counts: at once for who asks, and for every worker."""

from collections.abc import Callable

import pytest
from rq import Queue, Worker
from rq.job import Job as RQJob
from rq.registry import FailedJobRegistry, ScheduledJobRegistry

from pollable.errors import JobExpired
from pollable.model import State
from pollable.serializer import JSON
from pollable.storage import keys
from pollable.worker.claims import Ending, Outcome, Refused, Settlement
from tests.jobs.workbench import ONCE, PATIENT, THRICE, Workbench, job_type, until
from tests.keyspace import pending, rq_job


def rq_side(bench: Workbench, job_id: str) -> RQJob:
    return RQJob.fetch(job_id, connection=bench.redis, serializer=JSON)


def queue_of(bench: Workbench) -> Queue:
    return Queue("pollable", connection=bench.redis, serializer=JSON)


def waiting(bench: Workbench) -> str:
    return bench.submit(THRICE).id


def delayed(bench: Workbench) -> str:
    return bench.submit(delay_ms=60_000).id


def between_attempts(bench: Workbench) -> str:
    claim = bench.start(PATIENT)
    bench.fail(claim, may_retry=True, delay_s=60)
    return claim.job_id


def taken(bench: Workbench) -> str:
    job_id = waiting(bench)
    bench.pop()
    return job_id


def unscheduled(bench: Workbench, job_id: str, *, delete_job: bool) -> None:
    registry = ScheduledJobRegistry("pollable", connection=bench.redis, serializer=JSON)  # type: ignore[no-untyped-call]
    registry.remove(rq_side(bench, job_id), delete_job=delete_job)


Operation = Callable[[Workbench, str], object]
cancel: Operation = lambda bench, job_id: rq_side(bench, job_id).cancel()  # noqa: E731
delete: Operation = lambda bench, job_id: rq_side(bench, job_id).delete()  # noqa: E731
empty: Operation = lambda bench, _: queue_of(bench).empty()  # type: ignore[no-untyped-call] # noqa: E731
delete_queue: Operation = lambda bench, _: queue_of(bench).delete()  # noqa: E731
unschedule: Operation = lambda bench, job_id: unscheduled(bench, job_id, delete_job=False)  # noqa: E731
unschedule_and_delete: Operation = lambda bench, job_id: unscheduled(bench, job_id, delete_job=True)  # noqa: E731

CALLED_OFF = [
    *((make, how) for make in (waiting, delayed, between_attempts, taken) for how in (cancel, delete)),
    *((waiting, how) for how in (empty, delete_queue)),
    *((make, how) for make in (delayed, between_attempts) for how in (unschedule, unschedule_and_delete)),
]
NAMES = {
    cancel: "cancel", delete: "delete", empty: "empty", delete_queue: "delete_queue",
    unschedule: "unschedule", unschedule_and_delete: "unschedule_and_delete",
}  # fmt: skip
called_off = pytest.mark.parametrize(
    ("make", "how"), CALLED_OFF, ids=[f"{make.__name__}-{NAMES[how]}" for make, how in CALLED_OFF]
)


@called_off
def test_a_job_that_is_called_off_reads_cancelled_at_once(
    bench: Workbench, make: Callable[[Workbench], str], how: Operation
) -> None:
    job_id = make(bench)
    how(bench, job_id)
    ended = bench.read(job_id)
    assert (ended.state, ended.rq_status, ended.error) == (State.CANCELLED, "canceled", None)
    bench.reap()
    assert bench.read(job_id) == ended
    assert bench.redis.zscore(pending("pollable"), job_id) is None
    assert bench.redis.ttl(keys.record(job_id)) > 0


@called_off
def test_a_job_that_is_called_off_is_not_claimed(
    bench: Workbench, make: Callable[[Workbench], str], how: Operation
) -> None:
    job_id = make(bench)
    how(bench, job_id)
    assert bench.claims.claim(job_id) == Refused("cancelled")
    assert bench.read(job_id).state is State.CANCELLED


@called_off
def test_a_job_that_is_called_off_is_settled_although_nobody_asks(
    bench: Workbench, make: Callable[[Workbench], str], how: Operation
) -> None:
    job_id = make(bench)
    how(bench, job_id)
    assert bench.reap()["cancelled"] == 1
    assert bench.record(job_id)["state"] == b"cancelled"


def test_a_job_that_is_taken_from_its_queue_is_cancelled(bench: Workbench) -> None:
    one, other = waiting(bench), waiting(bench)
    queue_of(bench).remove(one)
    until(lambda: bench.read(one).state, lambda state: state is State.CANCELLED, meanwhile=bench.reap)
    assert (bench.read(other).state, bench.queued()) == (State.QUEUED, [other])


def test_a_job_that_rqs_own_worker_may_have_taken_is_put_back(bench: Workbench) -> None:
    worker = Worker([Queue("pollable", connection=bench.redis)], connection=bench.redis)
    worker.register_birth()  # type: ignore[no-untyped-call]
    bench.reap()
    job_id = waiting(bench)
    queue_of(bench).remove(job_id)
    worker.register_death()  # type: ignore[no-untyped-call]
    until(bench.queued, lambda ids: ids == [job_id], meanwhile=bench.reap)
    assert bench.read(job_id).state is State.QUEUED


@pytest.mark.parametrize("how", [cancel, delete], ids=["cancel", "delete"])
def test_a_running_job_is_told_to_stop(bench: Workbench, how: Operation) -> None:
    claim = bench.start(THRICE)
    how(bench, claim.job_id)
    assert bench.claims.renew(claim) == "stop"
    assert bench.read(claim.job_id).state is State.RUNNING
    assert bench.claims.complete(claim, Outcome(kind=Ending.STOPPED)).state == "cancelled"


@pytest.mark.parametrize("how", [cancel, delete], ids=["cancel", "delete"])
def test_a_running_job_whose_worker_is_lost_is_not_tried_again(bench: Workbench, how: Operation) -> None:
    job_id = bench.submit(THRICE).id
    bench.pop()
    bench.claim(job_id, lease_s=0.05)
    how(bench, job_id)
    until(lambda: bench.read(job_id).state, lambda state: state is State.CANCELLED, meanwhile=bench.reap)


def test_a_running_job_that_was_cancelled_is_not_tried_again(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    cancel(bench, claim.job_id)
    assert bench.fail(claim, may_retry=True).state == "failed"


@pytest.mark.parametrize("finish", ["succeed", "fail"])
def test_a_deleted_job_does_not_come_back_when_it_ends(bench: Workbench, finish: str) -> None:
    claim = bench.start(THRICE)
    delete(bench, claim.job_id)
    settlement: Settlement = getattr(bench, finish)(claim)
    assert (settlement.kind, settlement.state) == ("refused", "cancelled")
    assert getattr(bench, finish)(claim) == settlement, "sent again, because the reply was lost"
    assert bench.read(claim.job_id).state is State.CANCELLED
    assert not bench.redis.exists(rq_job(claim.job_id))


@pytest.mark.parametrize("finish", ["succeed", "fail"])
def test_an_ended_job_that_is_deleted_is_gone(bench: Workbench, finish: str) -> None:
    claim = bench.start(ONCE)
    getattr(bench, finish)(claim)
    delete(bench, claim.job_id)
    with pytest.raises(JobExpired):
        bench.read(claim.job_id)


@pytest.mark.parametrize("finish", ["succeed", "fail"])
def test_an_ended_job_that_is_cancelled_stays_what_it_is(bench: Workbench, finish: str) -> None:
    claim = bench.start(ONCE)
    getattr(bench, finish)(claim)
    ended = bench.read(claim.job_id)
    cancel(bench, claim.job_id)
    assert bench.read(claim.job_id) == ended


def test_a_requeued_job_is_ours_again_at_the_first_look(bench: Workbench) -> None:
    claim = bench.start(ONCE)
    bench.fail(claim)
    bench.redis.zadd("rq:failed:pollable", {claim.job_id: 4_102_444_800})
    registry = FailedJobRegistry("pollable", connection=bench.redis, serializer=JSON)
    registry.requeue(claim.job_id)
    again = bench.read(claim.job_id)
    assert (again.state, again.attempts, again.max_attempts) == (State.QUEUED, 1, 2)
    assert bench.redis.ttl(keys.record(claim.job_id)) == -1
    assert bench.claim(claim.job_id).attempt == 2
    assert bench.read(claim.job_id).max_attempts == 2


def test_a_requeued_job_behind_a_long_queue_is_taken_care_of(real_bench: Workbench) -> None:
    bench = real_bench
    claim = bench.start(job_type("brief", failure_ttl_s=300))
    bench.fail(claim)
    for _ in range(300):
        bench.submit()
    bench.redis.zadd("rq:failed:pollable", {claim.job_id: 4_102_444_800})
    FailedJobRegistry("pollable", connection=bench.redis, serializer=JSON).requeue(claim.job_id)
    bench.reap()
    assert bench.record(claim.job_id)["state"] == b"queued"
    queue_of(bench).empty()  # type: ignore[no-untyped-call]
