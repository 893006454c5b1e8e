"""The one door out of an ended job: an operator's requeue of a failed one through RQ."""

import pytest
from redis import Redis
from rq.exceptions import InvalidJobOperation
from rq.job import Job as RQJob
from rq.registry import FailedJobRegistry

from pollable.errors import WrongState
from pollable.model import State
from pollable.serializer import JSON
from pollable.storage import keys
from pollable.worker.claims import Claim, Ending, Outcome, Refused
from tests.jobs.workbench import ONCE, THRICE, Workbench
from tests.keyspace import rq_job


def failed(bench: Workbench) -> Claim:
    """A job that failed for good, in the record and then in RQ, as a worker writes it."""
    claim = bench.start(ONCE, payload=b'{"pages":8}')
    bench.fail(claim)
    rq_job = _rq_job(bench.redis, claim.job_id)
    with bench.redis.pipeline() as pipeline:
        rq_job._handle_failure("ValueError: boom", pipeline)
        pipeline.execute()
    assert bench.read(claim.job_id).state is State.FAILED
    return claim


def requeue(bench: Workbench, claim: Claim) -> None:
    _rq_job(bench.redis, claim.job_id).requeue()


def test_a_requeued_failure_reads_queued_before_anybody_claims_it(bench: Workbench) -> None:
    claim = failed(bench)
    requeue(bench, claim)
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status, job.error) == (State.QUEUED, "queued", None)
    assert (job.ended_at, job.expires_at, job.attempts) == (None, None, 1)
    assert bench.queued() == [claim.job_id]


def test_a_requeued_failure_is_claimed_as_one_attempt_more(bench: Workbench) -> None:
    requeue(bench, first := failed(bench))
    again = bench.claim(first.job_id)
    assert (again.attempt, again.max_attempts, again.payload) == (2, 2, b'{"pages":8}')
    job = bench.read(first.job_id)
    assert (job.state, job.attempts, job.error, job.expires_at) == (State.RUNNING, 2, None, None)
    assert bench.redis.ttl(keys.record(first.job_id)) == bench.redis.ttl(rq_job(first.job_id)) == -1
    bench.succeed(again)
    assert bench.read(first.job_id).state is State.SUCCEEDED
    assert bench.redis.ttl(rq_job(first.job_id)) > 0


def test_when_a_failure_was_last_requeued_is_kept(bench: Workbench) -> None:
    claim = failed(bench)
    ended_at = bench.read(claim.job_id).ended_at
    assert bench.read(claim.job_id).reopened_at is None
    requeue(bench, claim)
    reopened_at = bench.read(claim.job_id).reopened_at
    assert reopened_at is not None
    assert ended_at is not None
    assert reopened_at >= ended_at
    bench.claim(claim.job_id)
    assert bench.read(claim.job_id).reopened_at == reopened_at


def test_the_failed_attempt_has_no_say_in_the_new_one(bench: Workbench) -> None:
    requeue(bench, first := failed(bench))
    again = bench.claim(first.job_id)
    assert bench.succeed(first, b'"stale"').kind == "refused"
    assert bench.read(first.job_id).state is State.RUNNING
    bench.succeed(again, b'"fresh"')
    assert bench.read(first.job_id).result == b'"fresh"'


def test_a_requeued_failure_that_fails_again_has_failed(bench: Workbench) -> None:
    requeue(bench, first := failed(bench))
    settlement = bench.fail(bench.claim(first.job_id), may_retry=True)
    assert (settlement.kind, settlement.state) == ("ended", "failed")


def test_a_requeued_failure_is_live_for_its_owner(bench: Workbench) -> None:
    requeue(bench, claim := failed(bench))
    for verb in (bench.delete, bench.rerun):
        with pytest.raises(WrongState) as refusal:
            verb(claim.job_id)
        assert refusal.value.extra == {"state": "queued"}


def test_a_requeued_failure_can_be_cancelled(bench: Workbench) -> None:
    requeue(bench, claim := failed(bench))
    assert bench.cancel(claim.job_id).state is State.CANCELLED
    assert bench.queued() == []
    assert bench.claims.claim(claim.job_id) == Refused("cancelled")


@pytest.mark.parametrize("kind", ["succeeded", "stopped"])
def test_no_other_ended_job_can_be_requeued(bench: Workbench, kind: str) -> None:
    claim = bench.start()
    outcome = Outcome(kind=Ending.SUCCEEDED, result=b"1") if kind == "succeeded" else Outcome(kind=Ending.STOPPED)
    bench.claims.complete(claim, outcome)
    ended = bench.read(claim.job_id)
    with pytest.raises(InvalidJobOperation):
        requeue(bench, claim)
    bench.redis.rpush("rq:queue:pollable", claim.job_id)
    assert bench.claims.claim(claim.job_id) == Refused(ended.state.value)
    assert bench.read(claim.job_id) == ended


def test_an_id_that_is_pushed_without_a_requeue_does_not_reopen_a_failure(bench: Workbench) -> None:
    claim = failed(bench)
    bench.redis.rpush("rq:queue:pollable", claim.job_id)
    assert bench.claims.claim(claim.job_id) == Refused("failed")


def test_a_failure_as_worker_lost_can_be_requeued(bench: Workbench) -> None:
    job = bench.submit(ONCE)
    bench.pop()
    bench.claim(job.id, lease_s=0.05)
    bench.reap_until(job.id, lambda job: job.state is State.FAILED)
    registry = FailedJobRegistry("pollable", connection=bench.redis, serializer=JSON)
    assert registry.get_job_ids(cleanup=False) == [job.id]
    registry.requeue(job.id)
    assert bench.read(job.id).state is State.QUEUED
    assert bench.claim(job.id).attempt == 2


def test_a_retry_that_rq_pushes_is_not_taken_for_a_requeue(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    bench.fail(claim, may_retry=True)
    bench.redis.hset(rq_job(claim.job_id), "enqueued_at", "2040-01-02T03:04:05.678901Z")
    again = bench.claim(claim.job_id)
    assert (again.attempt, again.max_attempts) == (2, 3)


def _rq_job(connection: Redis, job_id: str) -> RQJob:
    return RQJob.fetch(job_id, connection=connection, serializer=JSON)
