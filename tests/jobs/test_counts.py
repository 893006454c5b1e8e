"""What the scripts count of jobs, each in the step that it happens in."""

import time
from collections.abc import Callable, Iterator

import pytest

from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Ending, Outcome
from tests.jobs import counted
from tests.jobs.workbench import LEASE_S, ONCE, THRICE, Workbench


@pytest.fixture
def bench(redis_url: str) -> Iterator[Workbench]:
    with counted.counting(redis_url) as made:
        yield made


def failed(bench: Workbench, code: str, *, type_: object = ONCE, may_retry: bool = False) -> None:
    outcome = Outcome(kind=Ending.FAILED, code=code, message="Why.", may_retry=may_retry)
    bench.claims.complete(bench.start(ONCE if type_ is ONCE else THRICE), outcome)


def lost(bench: Workbench) -> None:
    job = bench.submit()
    bench.claim(job.id, lease_s=LEASE_S)
    bench.reap_until(job.id, lambda seen: seen.state.is_final)


def cancelled_running(bench: Workbench) -> None:
    claim = bench.start()
    bench.cancel(claim.job_id)
    bench.claims.complete(claim, Outcome(kind=Ending.STOPPED))


def unfit(bench: Workbench) -> None:
    job = bench.submit()
    bench.redis.register_script(source("fail"))(args=[keys.PREFIX, keys.RQ_PREFIX, job.id, "unfit_worker", "Why."])


def called_off(bench: Workbench) -> None:
    """By an operator, on RQ's side."""
    bench.redis.hset(f"rq:job:{bench.submit().id}", "status", "canceled")
    bench.reap()


ENDS: dict[str, tuple[Callable[[Workbench], object], str, str, int]] = {
    "success": (lambda bench: bench.succeed(bench.start()), "succeeded", "", 1),
    "an exception": (lambda bench: failed(bench, "exception"), "failed", "exception", 1),
    "a code of the job's own": (lambda bench: failed(bench, "no_such_page"), "failed", "no_such_page", 1),
    "a timeout": (lambda bench: failed(bench, "timeout"), "failed", "timeout", 1),
    "a lost worker": (lost, "failed", "worker_lost", 1),
    "workers that cannot run it": (unfit, "failed", "unfit_worker", 0),
    "cancelled while it waits": (lambda bench: bench.cancel(bench.submit().id), "cancelled", "", 0),
    "cancelled while it runs": (cancelled_running, "cancelled", "", 1),
    "an operator's cancel": (called_off, "cancelled", "", 0),
}


@pytest.mark.parametrize("how", ENDS)
def test_every_end_counts_once(bench: Workbench, how: str) -> None:
    end, outcome, code, runs = ENDS[how]
    end(bench)
    told = counted.scrape(bench.redis)
    assert told("pollable_jobs_submitted_total", type="once") == 1
    assert told("pollable_jobs_ended_total") == 1
    assert told("pollable_jobs_ended_total", type="once", outcome=outcome, code=code) == 1
    assert told("pollable_job_run_seconds_count", type="once") == runs
    assert told("pollable_job_wait_seconds_count", type="once", queue="pollable") == runs


def test_an_outcome_that_is_offered_again_counts_once(bench: Workbench) -> None:
    claim = bench.start()
    for _ in range(3):
        bench.succeed(claim)
    bench.claims.complete(bench.claim(bench.submit().id), Outcome(kind=Ending.RELEASED))
    assert counted.scrape(bench.redis)("pollable_jobs_ended_total", outcome="succeeded") == 1


def test_every_attempt_that_another_follows_counts(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    for _ in range(2):
        bench.fail(claim, may_retry=True)
        bench.redis.lrem("rq:queue:pollable", 0, claim.job_id)
        claim = bench.claim(claim.job_id)
    bench.fail(claim, may_retry=True)
    told = counted.scrape(bench.redis)
    assert told("pollable_jobs_retried_total", type="thrice", code="exception") == 2
    assert told("pollable_jobs_ended_total", type="thrice", code="exception") == 1
    assert told("pollable_job_run_seconds_count") == told("pollable_job_wait_seconds_count") == 3
    released = bench.start(THRICE)
    bench.claims.complete(released, Outcome(kind=Ending.RELEASED))
    assert counted.scrape(bench.redis)("pollable_jobs_retried_total", code="worker_lost") == 1


def test_times_are_by_redis_clock_from_when_a_job_is_due(bench: Workbench) -> None:
    job = bench.submit(delay_ms=100)
    time.sleep(0.25)
    claim = bench.claim(job.id)
    time.sleep(0.15)
    bench.succeed(claim)
    told = counted.scrape(bench.redis)
    assert 0.1 < told("pollable_job_wait_seconds_sum") < 0.25 + 2
    assert 0.15 <= told("pollable_job_run_seconds_sum") < 2
    assert told("pollable_job_run_seconds_bucket", le="0.1") == 0
    assert told("pollable_job_run_seconds_bucket", le="+Inf") == 1


def test_what_waits_is_told_by_queue_with_the_age_of_the_oldest(bench: Workbench) -> None:
    bench.submit()
    time.sleep(0.1)
    bench.submit()
    bench.submit(delay_ms=60_000)
    bench.start()
    told = counted.scrape(bench.redis)
    assert told("pollable_queue_waiting_jobs", queue="pollable") == 2
    assert told("pollable_queue_scheduled_jobs", queue="pollable") == 1
    assert 0.1 <= told("pollable_queue_oldest_waiting_seconds", queue="pollable") < 5
    assert told("pollable_queue_oldest_waiting_seconds", queue="pollable-high") == 0
    assert told("pollable_running_jobs") == 1
    assert told("pollable_waiters") == 3


def test_codes_without_end_become_one(bench: Workbench) -> None:
    bench.redis.hset(counted.COUNTS, "codes", 1999)
    for code in ("first", "second", "third", "first"):
        failed(bench, code)
    told = counted.scrape(bench.redis)
    found = {dict(labels)["code"]: value for labels, value in told.samples["pollable_jobs_ended_total"].items()}
    assert found == {"first": 2, "other": 2}


def test_a_hash_that_is_none_spoils_no_job(bench: Workbench) -> None:
    bench.redis.delete(counted.COUNTS)
    bench.redis.set(counted.COUNTS, "spoilt", ex=60)
    assert bench.succeed(bench.start()).kind == "ended"
    bench.fail(bench.start(THRICE), may_retry=True)
    assert counted.scrape(bench.redis)("pollable_jobs_ended_total") == 0


def test_nothing_is_counted_unless_a_process_tells_of_it(bench: Workbench) -> None:
    bench.redis.delete(counted.COUNTS)
    claim = bench.start()
    assert "counted_from" not in bench.record(claim.job_id)
    bench.succeed(claim)
    assert not bench.redis.exists(counted.COUNTS)
    counted.tally(bench.redis)
    bench.succeed(bench.start())
    assert counted.scrape(bench.redis)("pollable_jobs_ended_total") == 1


def test_what_was_written_while_it_ran_is_gone_when_it_has_ended(bench: Workbench) -> None:
    claim = bench.start()
    assert "counted_from" in bench.record(claim.job_id)
    bench.succeed(claim)
    assert "counted_from" not in bench.record(claim.job_id)
    assert 0 < bench.redis.ttl(counted.COUNTS) <= 7 * 86_400
