"""The gauge of live jobs by state and type is what a count of all records would say."""

import random
from collections.abc import Callable, Iterator

import pytest

from pollable.errors import ServiceError
from pollable.http.figures import LIVE_STATES
from pollable.jobs.changing import Submission
from pollable.model import State
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Claim, Ending, Outcome
from tests.jobs import counted
from tests.jobs.workbench import LEASE_S, ONCE, OWNER, PATIENT, THRICE, URGENT, Workbench, until
from tests.keyspace import pending, rq_job

TYPES = (ONCE, THRICE, PATIENT, URGENT)


@pytest.fixture
def bench(redis_url: str) -> Iterator[Workbench]:
    with counted.counting(redis_url) as made:
        yield made


def uncounted(bench: Workbench, work: Callable[[], object]) -> None:
    """As an older release does it, or this one where nobody serves metrics."""
    bench.redis.rename(counted.COUNTS, "aside")
    work()
    bench.redis.rename("aside", counted.COUNTS)


def submit_many(bench: Workbench, number: int) -> list[str]:
    submission = Submission(type=ONCE, owner=OWNER, payload=b"1")

    async def submit() -> list[str]:
        return [(await bench.jobs.submit(submission)).job.id for _ in range(number)]

    return bench.run(submit())


def healed(bench: Workbench) -> None:
    """Pass after pass, as a deployment does it; the books are looked through now and not in half a minute."""
    bench.redis.hdel("rq:pollable:reaper", "noted_at")
    until(lambda: counted.agrees(bench.redis), bool, within_s=60, meanwhile=bench.reap)


class Storm:
    """One operation after the other, most of which fit the job that they meet and some of which do not."""

    def __init__(self, bench: Workbench, seed: int) -> None:
        self.bench, self.random = bench, random.Random(seed)
        self.ids: list[str] = []
        self.claims: list[Claim] = []
        self.done: set[str] = set()
        self.operations: tuple[Callable[[], object], ...] = (
            *(self.submit, self.submit, self.submit, self.take, self.take, self.succeed, self.fail, self.retry),
            *(self.release, self.lose, self.repeat, self.cancel, self.rerun, self.delete, self.cannot_run),
            *(self.call_off, self.requeue, self.remove, bench.reap),
        )

    def blow(self) -> None:
        operation = self.random.choice(self.operations)
        try:
            operation()
        except (ServiceError, IndexError):
            # It meets no job, or one in another state.
            return
        self.done.add(operation.__name__)

    def submit(self) -> None:
        delay_ms = self.random.choice([None, None, 30, 60_000])
        self.ids.append(self.bench.submit(self.random.choice(TYPES), delay_ms=delay_ms).id)

    def take(self) -> None:
        job_id = self.bench.pop(self.random.choice(["pollable", "pollable-high"]))
        claim = self.bench.claims.claim(job_id.decode()) if job_id else None
        if isinstance(claim, Claim):
            self.claims.append(claim)

    def succeed(self) -> None:
        self.bench.succeed(self.one_claim())

    def fail(self) -> None:
        self.bench.fail(self.one_claim())

    def retry(self) -> None:
        self.bench.fail(self.one_claim(), may_retry=True, delay_s=self.random.choice([0, 60]))

    def release(self) -> None:
        self.bench.claims.complete(self.one_claim(), Outcome(kind=Ending.RELEASED))

    def lose(self) -> None:
        """Its worker is killed, and its lease is over."""
        claim = self.one_claim()
        if self.bench.redis.zscore(f"{keys.PREFIX}leases", claim.job_id) is not None:
            self.bench.redis.zadd(f"{keys.PREFIX}leases", {claim.job_id: 1})
            self.bench.redis.hset(f"{keys.PREFIX}reaper", "since", 0)

    def repeat(self) -> None:
        """What was said already, be it of an attempt that is no longer the job's."""
        claim = self.one_claim()
        for _ in range(2):
            self.bench.succeed(claim)

    def cancel(self) -> None:
        self.bench.cancel(self.one())

    def rerun(self) -> None:
        self.ids.append(self.bench.rerun(self.one()).id)

    def delete(self) -> None:
        self.bench.delete(self.one())

    def cannot_run(self) -> None:
        fail = self.bench.redis.register_script(source("fail"))
        fail(args=[keys.PREFIX, keys.RQ_PREFIX, self.one(), "unfit_worker", "Why."])

    def call_off(self) -> None:
        """An operator's cancel, on RQ's side."""
        if self.bench.redis.exists(rq_job(job_id := self.one())):
            self.bench.redis.hset(rq_job(job_id), "status", "canceled")

    def requeue(self) -> None:
        """An operator's requeue of what failed."""
        job = self.bench.read(self.one())
        if job.state is State.FAILED and self.bench.redis.exists(rq_job(job.id)):
            requeue(self.bench, job.id)

    def remove(self) -> None:
        """An operator's delete."""
        self.bench.redis.delete(rq_job(self.one()))

    def one(self) -> str:
        return self.random.choice(self.ids)

    def one_claim(self) -> Claim:
        return self.random.choice(self.claims)


def test_the_states_are_those_that_are_not_final() -> None:
    assert list(LIVE_STATES) == [state for state in State if not state.is_final]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_gauge_is_a_count_of_the_records(bench: Workbench, seed: int) -> None:
    storm = Storm(bench, seed)
    for number in range(600):
        storm.blow()
        if number % 5 == 0:
            assert counted.agrees(bench.redis), (storm.done, counted.gauge(bench.redis), counted.live(bench.redis))
    assert counted.agrees(bench.redis)
    assert storm.done == {operation.__name__ for operation in storm.operations}
    assert {of[0] for of in counted.gauge(bench.redis)} == set(LIVE_STATES)
    # What operators wished of jobs that run waits for their workers, who are not there.
    bench.redis.flushall()


def test_a_job_is_queued_from_the_moment_when_it_is_due(bench: Workbench) -> None:
    bench.submit(delay_ms=60_000)
    bench.submit(delay_ms=300)
    assert counted.gauge(bench.redis) == {("scheduled", "once"): 2}
    until(lambda: counted.gauge(bench.redis), {("scheduled", "once"): 1, ("queued", "once"): 1}.__eq__)


def requeue(bench: Workbench, job_id: str) -> None:
    """As an operator does it, on RQ's side."""
    bench.redis.hset(rq_job(job_id), mapping={"status": "queued", "enqueued_at": "2026-01-01T00:00:00.0Z"})
    bench.redis.rpush(f"rq:queue:{bench.read(job_id).queue}", job_id)


def test_a_requeued_job_waits_from_when_anybody_has_seen_it(bench: Workbench) -> None:
    bench.fail(claim := bench.start())
    assert counted.gauge(bench.redis) == {}
    requeue(bench, claim.job_id)
    assert bench.read(claim.job_id).state is State.QUEUED
    assert counted.gauge(bench.redis) == {("queued", "once"): 1}


def test_a_type_without_live_jobs_is_told_as_zero(bench: Workbench) -> None:
    bench.succeed(bench.start())
    told = counted.scrape(bench.redis).samples["pollable_jobs"]
    assert {dict(labels)["state"]: value for labels, value in told.items()} == dict.fromkeys(LIVE_STATES, 0)


def test_what_was_there_before_anything_was_counted_is_counted(bench: Workbench) -> None:
    def before() -> None:
        submit_many(bench, 1200)
        bench.submit(THRICE, delay_ms=60_000)
        bench.start(URGENT)

    uncounted(bench, before)
    # What runs needs no counting.
    assert counted.gauge(bench.redis) == {("running", "urgent"): 1}
    healed(bench)
    assert counted.gauge(bench.redis)["queued", "once"] == 1200
    assert counted.scrape(bench.redis)("pollable_jobs_submitted_total") == 0


def test_a_backlog_is_counted_without_waiting_for_the_next_pass(bench: Workbench) -> None:
    uncounted(bench, lambda: submit_many(bench, 1200))
    passes = 0
    while bench.reaped().more:
        passes += 1
    assert passes <= 6
    assert counted.agrees(bench.redis)


def test_what_an_older_worker_took_waits_no_more(bench: Workbench) -> None:
    ids = submit_many(bench, 700)

    def older() -> None:
        for job_id in ids[:600]:
            bench.redis.lrem("rq:queue:pollable", 1, job_id)
            bench.succeed(bench.claim(job_id))
        bench.start(THRICE)

    uncounted(bench, older)
    assert counted.gauge(bench.redis)["queued", "once"] == 700
    healed(bench)
    assert counted.gauge(bench.redis) == {("queued", "once"): 100, ("running", "thrice"): 1}
    assert "waiting_at" not in bench.redis.hgetall("rq:pollable:reaper")


def without_records(bench: Workbench) -> None:
    bench.redis.delete(*bench.redis.keys("rq:pollable:job:*"))


def without_any(bench: Workbench) -> None:
    bench.redis.flushall()
    counted.tally(bench.redis)


def without_index(bench: Workbench) -> None:
    """Redis made room for other keys."""
    bench.redis.delete(*bench.redis.keys("rq:pollable:waiting:*"))


LOSSES = (without_records, without_any, without_index)


@pytest.mark.parametrize("lose", LOSSES, ids=lambda loss: loss.__name__)
def test_what_vanished_or_is_back_is_found(bench: Workbench, lose: Callable[[Workbench], object]) -> None:
    for _ in range(3):
        bench.submit()
        bench.submit(THRICE, delay_ms=60_000)
    bench.start(URGENT)
    lose(bench)
    if lose is not without_index:
        # At once, where it is the record that counts.
        assert ("running", "urgent") not in counted.gauge(bench.redis)
    bench.submit()
    healed(bench)
    assert sum(counted.gauge(bench.redis).values()) == (8 if lose is without_index else 1)


def test_a_key_of_another_type_spoils_no_job(bench: Workbench) -> None:
    bench.redis.set("rq:pollable:waiting:once", "spoilt", ex=60)
    assert bench.succeed(bench.start()).kind == "ended"
    bench.submit(THRICE)
    bench.submit()
    bench.redis.hdel("rq:pollable:reaper", "noted_at")
    bench.reap()
    assert counted.gauge(bench.redis) == {("queued", "thrice"): 1}


def test_what_tells_who_waits_ends_by_itself(bench: Workbench) -> None:
    bench.submit(delay_ms=60_000)
    assert 0 < bench.redis.ttl("rq:pollable:waiting:once") <= 7 * 86_400


def test_nothing_is_kept_where_nobody_serves_metrics(bench: Workbench) -> None:
    bench.redis.delete(counted.COUNTS)
    bench.fail(bench.start(THRICE), may_retry=True)
    bench.reap(lease_s=LEASE_S)
    assert bench.redis.zcard(pending("pollable")) == 1
    assert bench.redis.keys("rq:pollable:waiting:*") == []
