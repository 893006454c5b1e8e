"""When a job is expected to end: by how long others of its type took, who waits in front of it, and how many work."""

import pytest

from pollable.model import Job, State
from pollable.storage import keys
from tests.jobs.workbench import ONCE, OWNER, THRICE, URGENT, Workbench

DURATIONS = "rq:pollable:durations"


def read(bench: Workbench, job_id: str, *, is_foretold: bool = True) -> Job:
    found, _ = bench.run(
        bench.store.poll(job_id, owner=OWNER, quota=None, caller=OWNER, beside=("1" if is_foretold else "0", ""))
    )
    assert isinstance(found, Job)
    return found


def expected_ms(bench: Workbench, job_id: str) -> int:
    return read(bench, job_id).expected_ms


def took(bench: Workbench, took_ms: int) -> None:
    """One more job succeeds, after so long."""
    claim = bench.start()
    began = int(bench.record(claim.job_id)["started_at"])
    bench.redis.hset(keys.record(claim.job_id), "started_at", began - took_ms)
    bench.succeed(claim)


def usual(bench: Workbench, usual_ms: int) -> None:
    bench.redis.hset(DURATIONS, "once", usual_ms)
    bench.redis.expire(DURATIONS, 60)


def test_nobody_says_before_one_of_the_type_has_ended(bench: Workbench) -> None:
    waiting, running = bench.submit(), bench.start()
    assert [expected_ms(bench, job_id) for job_id in (waiting.id, running.job_id)] == [0, 0]
    took(bench, 20_000)
    assert expected_ms(bench, bench.submit(URGENT).id) == 0
    assert expected_ms(bench, waiting.id) > 0


def test_a_mean_in_which_the_latest_count_most(bench: Workbench) -> None:
    took(bench, 10_000)
    first = int(bench.redis.hget(DURATIONS, "once") or 0)
    assert 10_000 <= first < 10_500
    took(bench, 20_000)
    second = int(bench.redis.hget(DURATIONS, "once") or 0)
    assert 12_000 <= second < 12_800
    assert 0 < bench.redis.ttl(DURATIONS) <= 7 * 86_400


def test_what_failed_or_began_again_teaches_nothing(bench: Workbench) -> None:
    bench.fail(bench.start())
    claim = bench.start(THRICE)
    bench.fail(claim, may_retry=True)
    bench.succeed(bench.claim(claim.job_id))
    assert not bench.redis.exists(DURATIONS)


def test_a_running_job_has_what_is_left(bench: Workbench) -> None:
    usual(bench, 20_000)
    claim = bench.start()
    assert 19_000 < expected_ms(bench, claim.job_id) <= 20_000
    began = int(bench.record(claim.job_id)["started_at"])
    bench.redis.hset(keys.record(claim.job_id), "started_at", began - 15_000)
    assert 4_000 < expected_ms(bench, claim.job_id) <= 5_000
    bench.redis.hset(keys.record(claim.job_id), "started_at", began - 60_000)
    assert expected_ms(bench, claim.job_id) == 1


def test_a_waiting_job_waits_for_those_in_front_of_it(bench: Workbench) -> None:
    usual(bench, 1_000)
    jobs = [bench.submit() for _ in range(3)]
    for at, job in enumerate(jobs):
        bench.redis.hset(keys.record(job.id), "run_at", at + 1)
        bench.redis.zadd("rq:pollable:pending:pollable", {job.id: at + 1})
    assert [expected_ms(bench, job.id) for job in jobs] == [1_000, 2_000, 3_000]
    bench.redis.sadd("rq:workers:pollable", "rq:worker:a", "rq:worker:b")
    assert [expected_ms(bench, job.id) for job in jobs] == [1_000, 1_500, 2_000]
    bench.redis.delete("rq:workers:pollable")


def test_a_delayed_job_and_an_ended_one_are_not_foretold(bench: Workbench) -> None:
    usual(bench, 1_000)
    delayed, claim = bench.submit(delay_ms=60_000), bench.start()
    bench.succeed(claim)
    assert [expected_ms(bench, job_id) for job_id in (delayed.id, claim.job_id)] == [0, 0]
    assert read(bench, delayed.id).state is State.SCHEDULED


def test_who_does_not_ask_is_not_told(bench: Workbench) -> None:
    usual(bench, 1_000)
    job = bench.submit(ONCE)
    assert bench.read(job.id).expected_ms == 0
    assert read(bench, job.id, is_foretold=False).expected_ms == 0
    # It is the same job, whatever is expected of it.
    assert bench.read(job.id) == read(bench, job.id)


@pytest.mark.parametrize("odd", ["", "much", "nan", "inf", "-5", "1e308"])
def test_a_duration_that_somebody_else_wrote_is_no_harm(bench: Workbench, odd: str) -> None:
    bench.redis.hset(DURATIONS, "once", odd)
    bench.redis.expire(DURATIONS, 60)
    waiting, claim = bench.submit(), bench.start()
    for job_id in (waiting.id, claim.job_id):
        assert expected_ms(bench, job_id) >= 0
    bench.succeed(claim)
    assert read(bench, claim.job_id).state is State.SUCCEEDED


def test_durations_that_are_no_hash_are_no_harm(bench: Workbench) -> None:
    bench.redis.set(DURATIONS, "x", ex=60)
    claim = bench.start()
    assert expected_ms(bench, claim.job_id) == 0
    bench.succeed(claim)
    assert read(bench, claim.job_id).state is State.SUCCEEDED
