"""What one owner may hold: live jobs and bytes. After each test here the books are held against the jobs."""

from collections.abc import Callable
from typing import Any

import pytest

from pollable.errors import OwnerFull, PayloadFreed, QueueFull
from pollable.model import State
from pollable.storage import keys
from tests.jobs import books
from tests.jobs.workbench import OWNER, STRANGER, Workbench, job_type, until, with_settings
from tests.keyspace import rq_job

FOR_A_DAY = job_type("plain", result_ttl_s=86_400)
LATER: dict[str, Any] = {"delay_ms": 3_600_000}


def test_sixty_delayed_jobs_of_one_owner_leave_the_queue_to_another(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=60)
    for _ in range(60):
        bench.submit(delay_ms=30 * 86_400_000)
    assert bench.submit(owner=STRANGER).state is State.QUEUED


def test_a_job_counts_against_the_depth_once_it_is_due(bench: Workbench) -> None:
    with_settings(bench, max_queue_depth=1)
    job = bench.submit(delay_ms=50)
    until(lambda: bench.read(job.id).state, lambda state: state is State.QUEUED)
    with pytest.raises(QueueFull):
        bench.submit(owner=STRANGER)


@pytest.mark.parametrize("options", [{}, LATER], ids=["at once", "later"])
def test_an_owner_of_as_many_live_jobs_as_may_be_gets_no_other(bench: Workbench, options: dict[str, Any]) -> None:
    with_settings(bench, owner_max_jobs=3)
    for _ in range(3):
        bench.submit(**options)
    before = bench.snapshot()
    with pytest.raises(OwnerFull, match="At most 3 of your jobs may wait or run") as refusal:
        bench.submit(**options)
    assert (refusal.value.status, refusal.value.retry_after_s) == (429, 10)
    assert bench.snapshot() == before
    assert bench.submit(owner=STRANGER).owner == STRANGER


def test_a_replay_is_answered_to_an_owner_who_may_submit_no_more(bench: Workbench) -> None:
    with_settings(bench, owner_max_jobs=1)
    assert bench.submit(idempotency_key="key") == bench.submit(idempotency_key="key")


def test_no_limit_is_a_limit_of_zero(bench: Workbench) -> None:
    with_settings(bench, owner_max_jobs=0, owner_max_bytes=0)
    for _ in range(3):
        bench.submit()
    assert books.held(bench.redis, OWNER)[0] == 3


def _succeed(bench: Workbench) -> None:
    bench.succeed(bench.start())


def _fail(bench: Workbench) -> None:
    bench.fail(bench.start())


def _cancel(bench: Workbench) -> None:
    bench.cancel(bench.submit().id)


def _cancel_later(bench: Workbench) -> None:
    bench.cancel(bench.submit(**LATER).id)


def _lose(bench: Workbench) -> None:
    bench.reap()
    job = bench.submit()
    bench.redis.lrem("rq:queue:pollable", 0, job.id)
    bench.claim(job.id, lease_s=0.01)
    bench.reap_until(job.id, lambda seen: seen.state is State.FAILED)


def _delete_as_an_operator(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.delete(rq_job(job.id))
    bench.redis.lrem("rq:queue:pollable", 0, job.id)
    bench.reap()


def _delete_ended(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    bench.delete(claim.job_id)


def _flush(bench: Workbench) -> None:
    bench.submit()
    bench.redis.flushall()


def _lose_the_record(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.delete(keys.record(job.id), rq_job(job.id))
    bench.redis.lrem("rq:queue:pollable", 0, job.id)
    _grow_old(bench)


ENDINGS = [_succeed, _fail, _cancel, _cancel_later, _lose, _delete_as_an_operator, _delete_ended, _flush]


@pytest.mark.parametrize("end", [*ENDINGS, _lose_the_record], ids=lambda end: end.__name__.strip("_"))
def test_every_end_makes_room_for_a_job(bench: Workbench, end: Callable[[Workbench], None]) -> None:
    with_settings(bench, owner_max_jobs=1)
    end(bench)
    assert bench.submit().state is State.QUEUED
    assert books.held(bench.redis, OWNER)[0] == 1


def test_a_job_that_waits_for_another_attempt_lives(bench: Workbench) -> None:
    with_settings(bench, owner_max_jobs=1)
    bench.fail(bench.start(bench.catalog.get("thrice")), may_retry=True, delay_s=60)
    with pytest.raises(OwnerFull):
        bench.submit()


def test_a_job_that_an_operator_requeued_lives_again(bench: Workbench) -> None:
    with_settings(bench, owner_max_jobs=1)
    claim = bench.start()
    bench.fail(claim)
    bench.redis.hset(rq_job(claim.job_id), mapping={"status": "queued", "enqueued_at": "2026-11-26T01:02:03.000000Z"})
    bench.redis.rpush("rq:queue:pollable", claim.job_id)
    assert bench.read(claim.job_id).state is State.QUEUED
    with pytest.raises(OwnerFull):
        bench.submit()
    assert claim.job_id.encode() not in bench.redis.zrange(f"{keys.PREFIX}payloads", 0, -1)


def test_bytes_are_payload_result_and_what_a_job_takes(bench: Workbench) -> None:
    claim = bench.start(payload=b'"' + b"p" * 998 + b'"')
    live, held = books.held(bench.redis, OWNER)
    assert live == 1
    assert 1000 <= held - books.BESIDE < 1200
    bench.succeed(claim, b'"' + b"r" * 4998 + b'"')
    assert books.held(bench.redis, OWNER) == (0, books.BESIDE + 6000 + len("{}{}"))


def test_a_result_over_the_limit_ends_its_job_and_holds_up_the_next(bench: Workbench) -> None:
    with_settings(bench, owner_max_bytes=10_000)
    claim = bench.start()
    bench.succeed(claim, b'"' + b"r" * 20_000 + b'"')
    assert bench.read(claim.job_id).state is State.SUCCEEDED
    with pytest.raises(OwnerFull, match="at most 10000 bytes"):
        bench.submit()
    bench.delete(claim.job_id)
    assert bench.submit().state is State.QUEUED


def test_what_has_expired_holds_nothing(bench: Workbench) -> None:
    with_settings(bench, owner_max_bytes=10_000)
    bench.succeed(claim := bench.start(), b'"' + b"r" * 20_000 + b'"')
    # A minute after its end of life the record goes, and no script hears of it.
    bench.redis.delete(keys.record(claim.job_id), rq_job(claim.job_id))
    bench.redis.zadd(f"{keys.PREFIX}held:{OWNER}", {claim.job_id: 1})
    assert bench.submit().state is State.QUEUED
    assert books.held(bench.redis, OWNER)[1] < 10_000


def test_the_books_end_with_an_owner_who_never_comes_again(bench: Workbench) -> None:
    bench.succeed(bench.start(FOR_A_DAY))
    for key in (f"{keys.PREFIX}held:{OWNER}", f"{keys.PREFIX}bytes:{OWNER}", f"{keys.PREFIX}payloads"):
        assert int(str(bench.redis.ttl(key))) > 86_400


def test_the_payload_of_an_ended_job_goes_in_time_and_with_it_its_bytes(bench: Workbench) -> None:
    with_settings(bench, rerun_ttl_s=600)
    payload = b'"' + b"p" * 4998 + b'"'
    claim = bench.start(FOR_A_DAY, payload=payload)
    bench.succeed(claim)
    bench.reap()
    assert bench.record(claim.job_id)["payload"] == payload
    before = books.held(bench.redis, OWNER)[1]
    _end_earlier(bench, claim.job_id, by_ms=600_001)
    bench.reap()
    assert "payload" not in bench.record(claim.job_id)
    assert books.held(bench.redis, OWNER) == (0, before - len(payload))
    assert bench.read(claim.job_id).state is State.SUCCEEDED
    with pytest.raises(PayloadFreed, match="for 600 s after a job's end"):
        bench.rerun(claim.job_id)


def test_many_payloads_go_in_bounded_steps(real_bench: Workbench) -> None:
    real_bench.redis.zadd(f"{keys.PREFIX}payloads", {f"gone-{number}": 1 for number in range(1200)})
    passes = [real_bench.reaped().more for _ in range(3)]
    assert passes == [True, True, False]
    assert not real_bench.redis.exists(f"{keys.PREFIX}payloads")


def test_a_failure_that_was_requeued_before_its_payload_went_keeps_it(bench: Workbench) -> None:
    claim = bench.start(FOR_A_DAY)
    bench.fail(claim)
    _end_earlier(bench, claim.job_id, by_ms=4_000_000)
    bench.redis.hset(rq_job(claim.job_id), mapping={"status": "queued", "enqueued_at": "2026-11-26T01:02:03.000000Z"})
    bench.redis.lpush("rq:queue:pollable", claim.job_id)
    bench.reap()
    assert bench.read(claim.job_id).state is State.QUEUED
    assert bench.record(claim.job_id)["payload"] == b"1"


def test_a_live_job_keeps_its_payload_whatever_the_index_says(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.zadd(f"{keys.PREFIX}payloads", {job.id: 1})
    bench.reap()
    assert bench.record(job.id)["payload"] == b"1"


def _end_earlier(bench: Workbench, job_id: str, *, by_ms: int) -> None:
    bench.redis.zincrby(f"{keys.PREFIX}payloads", -by_ms, job_id)


def _grow_old(bench: Workbench) -> None:
    """What was seen just now was seen a minute ago."""
    held = f"{keys.PREFIX}held:{OWNER}"
    members: Any = bench.redis.zrange(held, 0, -1)
    for member in members:
        bench.redis.zincrby(held, -60_000, member)
