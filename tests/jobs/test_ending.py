"""How an attempt ends: one outcome, told once, kept for its time and gone as a whole."""

import time
from typing import Any

import pytest

from pollable.errors import JobExpired, JobNotFound
from pollable.model import Failure, State
from pollable.storage import keys
from pollable.worker.claims import Claim, Ending, Outcome, Reception, Settlement
from tests.jobs.workbench import ONCE, PATIENT, STRANGER, THRICE, Workbench, job_type, until
from tests.keyspace import rq_job

SUCCESS = Outcome(kind=Ending.SUCCEEDED, result=b'{"answer":42}')
FAILURE = Outcome(kind=Ending.FAILED, code="bad_page", message="page 3 is blank")
STOPPED = Outcome(kind=Ending.STOPPED)
RETRY = Outcome(kind=Ending.FAILED, code="bad_page", message="page 3 is blank", may_retry=True)
LATER = Outcome(kind=Ending.FAILED, code="bad_page", message="page 3 is blank", may_retry=True, delay_s=60)


def test_a_succeeded_job_reads_with_the_bytes_of_its_result(bench: Workbench) -> None:
    claim = bench.start()
    assert bench.claims.complete(claim, SUCCESS) == Settlement(Reception.ENDED, "succeeded")
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status, job.progress) == (State.SUCCEEDED, "finished", 100)
    assert (job.result, job.error) == (b'{"answer":42}', None)
    assert job.ended_at is not None
    assert job.expires_at == job.ended_at + 3000


def test_a_failed_job_reads_with_its_code_and_message(bench: Workbench) -> None:
    claim = bench.start()
    assert bench.claims.complete(claim, FAILURE) == Settlement(Reception.ENDED, "failed")
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status) == (State.FAILED, "failed")
    assert (job.result, job.error) == (None, Failure("bad_page", "page 3 is blank"))
    assert job.ended_at is not None
    assert job.expires_at == job.ended_at + 5000


def test_a_job_that_was_stopped_on_request_reads_cancelled(bench: Workbench) -> None:
    claim = bench.start()
    bench.cancel(claim.job_id)
    assert bench.claims.complete(claim, STOPPED) == Settlement(Reception.ENDED, "cancelled")
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status) == (State.CANCELLED, "stopped")


@pytest.mark.parametrize("first", [SUCCESS, FAILURE, STOPPED], ids=lambda outcome: outcome.kind)
@pytest.mark.parametrize("late", [SUCCESS, FAILURE, STOPPED, RETRY], ids=["succeeded", "failed", "stopped", "retry"])
def test_the_first_final_write_wins(bench: Workbench, first: Outcome, late: Outcome) -> None:
    claim = bench.start(THRICE)
    bench.claims.complete(claim, first)
    ended = bench.read(claim.job_id)
    other = Claim(**{**_fields(claim), "token": "another attempt's token"})
    assert bench.claims.complete(other, late).kind == "refused"
    assert bench.read(claim.job_id) == ended


def test_an_outcome_for_a_deleted_job_changes_nothing(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    bench.delete(claim.job_id)
    before = bench.snapshot()
    assert bench.fail(claim) == Settlement(Reception.REFUSED, "missing")
    assert bench.snapshot() == before


def test_an_outcome_of_an_attempt_that_was_taken_away_is_refused(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    lost = bench.claim(job.id, lease_s=0.1)
    bench.reap_until(job.id, lambda job: job.state is State.QUEUED)
    assert bench.succeed(lost, b'"stale"') == Settlement(Reception.REFUSED, "queued")
    current = bench.claim(job.id)
    assert bench.succeed(lost, b'"stale"') == Settlement(Reception.REFUSED, "running")
    bench.succeed(current, b'"fresh"')
    assert bench.succeed(lost, b'"stale"') == Settlement(Reception.REFUSED, "succeeded")
    assert (bench.read(job.id).result, bench.record(job.id)["late_outcomes"]) == (b'"fresh"', b"3")


@pytest.mark.parametrize(
    "outcome", [SUCCESS, FAILURE, STOPPED, RETRY, LATER], ids=["succeeded", "failed", "stopped", "retry", "later"]
)
def test_an_outcome_whose_reply_was_lost_gets_the_same_answer_when_sent_again(
    bench: Workbench, outcome: Outcome
) -> None:
    claim = bench.start(THRICE)
    first = bench.claims.complete(claim, outcome)
    before = bench.snapshot()
    assert bench.claims.complete(claim, outcome) == first
    assert bench.snapshot() == before


def test_a_failed_attempt_with_attempts_left_waits_again(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    assert bench.fail(claim, may_retry=True) == Settlement(Reception.RETRY, "queued", 0, 2)
    job = bench.read(claim.job_id)
    assert (job.state, job.attempts, job.max_attempts, job.error) == (State.QUEUED, 1, 3, None)


def test_a_retry_with_a_delay_is_scheduled_and_then_queued(bench: Workbench) -> None:
    claim = bench.start(PATIENT)
    assert bench.fail(claim, may_retry=True, delay_s=1) == Settlement(Reception.RETRY, "scheduled", 1, 2)
    job = bench.read(claim.job_id)
    assert (job.state, job.rq_status) == (State.SCHEDULED, "scheduled")
    assert job.run_at == job.updated_at + 1000
    due = until(lambda: bench.read(claim.job_id), lambda job: job.state is not State.SCHEDULED, within_s=3)
    assert due.state is State.QUEUED
    assert bench.claim(claim.job_id).attempt == 2


def test_the_last_attempt_fails_for_good(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    for _ in range(2):
        bench.fail(claim, may_retry=True)
        claim = bench.claim(claim.job_id)
    assert bench.fail(claim, may_retry=True) == Settlement(Reception.ENDED, "failed")
    assert bench.read(claim.job_id).attempts == 3


def test_a_failure_that_may_not_be_retried_is_final_with_attempts_left(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    assert bench.fail(claim, may_retry=False) == Settlement(Reception.ENDED, "failed")


def test_a_job_that_shall_be_cancelled_is_not_retried(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    bench.cancel(claim.job_id)
    assert bench.fail(claim, may_retry=True).kind == "ended"
    assert bench.read(claim.job_id).state.is_final


def test_a_job_that_ends_before_its_cancellation_keeps_its_result(bench: Workbench) -> None:
    claim = bench.start()
    bench.cancel(claim.job_id)
    assert bench.succeed(claim) == Settlement(Reception.ENDED, "succeeded")
    assert bench.read(claim.job_id).result == b'{"answer":42}'


def test_a_job_handed_back_goes_to_the_front_of_its_queue(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    other = bench.submit(THRICE)
    assert bench.claims.complete(claim, Outcome(kind=Ending.RELEASED)) == Settlement(Reception.RELEASED, "queued")
    assert bench.queued() == [claim.job_id, other.id]
    assert bench.rq_hash(claim.job_id)["status"] == b"queued"


def test_a_job_handed_back_after_its_last_attempt_is_failed_as_worker_lost(bench: Workbench) -> None:
    claim = bench.start()
    assert bench.claims.complete(claim, Outcome(kind=Ending.RELEASED)) == Settlement(Reception.RELEASED, "failed")
    assert bench.read(claim.job_id).error == Failure("worker_lost", "The worker that ran the job was lost.")
    assert bench.rq_hash(claim.job_id)["status"] == b"failed"


@pytest.mark.parametrize(
    ("outcome", "ttl_ms"), [(SUCCESS, 3000), (FAILURE, 5000), (STOPPED, 5000)], ids=lambda value: str(value)[:30]
)
def test_every_key_of_an_ended_job_expires_with_it(bench: Workbench, outcome: Outcome, ttl_ms: int) -> None:
    claim = bench.start()
    # As RQ writes it while a job runs, with no time to live of its own.
    bench.redis.xadd(f"rq:results:{claim.job_id}", {"type": "1"})
    bench.claims.complete(claim, outcome)
    for key in (rq_job(claim.job_id), f"rq:results:{claim.job_id}"):
        assert 0 < bench.redis.pttl(key) <= ttl_ms
    assert ttl_ms < bench.redis.pttl(keys.record(claim.job_id)) <= ttl_ms + 60_000


def test_an_expired_job_is_expired_for_its_owner_and_unknown_to_a_stranger(bench: Workbench) -> None:
    brief = job_type("brief", result_ttl_s=1)
    claim = bench.start(brief)
    bench.succeed(claim)
    assert bench.read(claim.job_id).result == b'{"answer":42}'
    until(lambda: _is_gone(bench, claim.job_id), bool, within_s=5)
    with pytest.raises(JobExpired):
        bench.read(claim.job_id)
    with pytest.raises(JobNotFound):
        bench.read(claim.job_id, owner=STRANGER)
    with pytest.raises(JobExpired):
        bench.cancel(claim.job_id)
    with pytest.raises(JobExpired):
        bench.delete(claim.job_id)
    with pytest.raises(JobExpired):
        bench.rerun(claim.job_id)


def test_an_ended_job_never_reads_succeeded_without_its_result(bench: Workbench) -> None:
    brief = job_type("brief", result_ttl_s=1)
    claim = bench.start(brief)
    bench.succeed(claim)
    seen: list[bytes | None] = []

    def looks_gone() -> bool:
        try:
            job = bench.read(claim.job_id)
        except JobExpired:
            return True
        seen.append(job.result)
        return False

    until(looks_gone, bool, within_s=5)
    assert set(seen) == {b'{"answer":42}'}


def test_a_live_job_has_no_time_to_live(bench: Workbench) -> None:
    claim = bench.start()
    assert bench.redis.ttl(keys.record(claim.job_id)) == bench.redis.ttl(rq_job(claim.job_id)) == -1
    assert bench.read(claim.job_id).expires_at is None
    bench.cancel(bench.submit(ONCE).id)


def _is_gone(bench: Workbench, job_id: str) -> bool:
    try:
        bench.read(job_id)
    except JobExpired:
        return True
    return False


def _fields(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in claim.__struct_fields__}


@pytest.mark.parametrize(("outcome", "status"), [(SUCCESS, b"finished"), (FAILURE, b"failed"), (STOPPED, b"stopped")])
def test_rq_shows_the_end_although_the_worker_dies_before_it_says_so(
    bench: Workbench, outcome: Outcome, status: bytes
) -> None:
    claim = bench.start()
    bench.redis.zadd(f"rq:executions:{claim.job_id}", {"one": time.time() + 60})
    bench.redis.zadd("rq:wip:pollable", {f"{claim.job_id}:one": time.time() + 60})
    bench.claims.complete(claim, outcome)
    assert bench.redis.hget(rq_job(claim.job_id), "status") == status
    assert not bench.redis.exists("rq:wip:pollable", f"rq:executions:{claim.job_id}")
