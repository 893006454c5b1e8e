"""The bells: who rings them, how long they grow, and when they are gone."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from redis import Redis

from pollable.jobs.changing import Submission
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Ending, Outcome
from tests.jobs.workbench import KNOWN, ONCE, OWNER, THRICE, URGENT, Workbench, job_type

MOST = 64
SHARED = "pollable"


def rung(bench: Workbench, type_name: str, queue: str = SHARED) -> int:
    return int(bench.redis.llen(keys.bell(queue, type_name)))


def silence(bench: Workbench) -> None:
    for key in bench.redis.scan_iter(keys.PREFIX + "bell:*"):
        bench.redis.delete(key)


def bells(client: Redis) -> list[str]:
    return sorted(key.decode() for key in client.scan_iter(keys.PREFIX + "bell:*"))


def test_a_submit_rings_for_each_of_its_jobs_in_the_bell_of_its_queue_and_type(bench: Workbench) -> None:
    for each in (ONCE, ONCE, THRICE, URGENT):
        bench.submit(each)
    bench.submit(queue="pollable-low")
    assert (rung(bench, "once"), rung(bench, "thrice"), rung(bench, "urgent", "pollable-high")) == (2, 1, 1)
    assert rung(bench, "once", "pollable-low") == 1
    assert len(bells(bench.redis)) == 4


def test_a_bell_nobody_hears_is_short_however_many_jobs_are_submitted_and_gone_in_a_moment(
    real_bench: Workbench,
) -> None:
    bench = real_bench
    bench.configure(msgspec.structs.replace(bench.settings, owner_max_jobs=0, max_queue_depth=20_000))

    async def flood() -> None:
        for _ in range(20):
            order = Submission(type=ONCE, owner=OWNER, payload=b"1")
            await asyncio.gather(*(bench.jobs.submit(order) for _ in range(500)))

    bench.run(flood())
    assert bench.redis.zcard(f"rq:pollable:pending:{SHARED}") == 10_000
    assert 0 < rung(bench, "once") <= MOST
    assert 0 < bench.redis.pttl(keys.bell(SHARED, "once")) <= 2000
    # Sooner than the looks at each of their keys.
    bench.redis.flushall()


def test_a_batch_rings_once_for_each_job_and_wakes_as_many_workers(real_bench: Workbench) -> None:
    order = Submission(type=ONCE, owner=OWNER, payload=b"1")

    async def three() -> None:
        await asyncio.gather(*(real_bench.jobs.submit(order) for _ in range(3)))

    real_bench.run(three())
    assert rung(real_bench, "once") == 3


@pytest.mark.parametrize(("delay_ms", "times"), [(300, 1), (1500, 1), (2500, 0), (60_000, 0)])
def test_a_delayed_job_rings_where_it_is_due_before_workers_look_by_themselves(
    bench: Workbench, delay_ms: int, times: int
) -> None:
    bench.submit(delay_ms=delay_ms)
    assert rung(bench, "once") == times


def lost(bench: Workbench) -> str:
    job = bench.submit(THRICE)
    bench.pop()
    bench.claim(job.id, lease_s=0.01)
    silence(bench)
    bench.reap_until(job.id, lambda seen: seen.state == "queued")
    return job.id


def released(bench: Workbench) -> str:
    claim = bench.start(THRICE)
    silence(bench)
    bench.claims.complete(claim, Outcome(kind=Ending.RELEASED))
    return claim.job_id


def tried_again(bench: Workbench) -> str:
    claim = bench.start(THRICE)
    silence(bench)
    bench.fail(claim, may_retry=True)
    return claim.job_id


def tried_again_soon(bench: Workbench) -> str:
    claim = bench.start(THRICE)
    silence(bench)
    bench.fail(claim, may_retry=True, delay_s=1)
    return claim.job_id


def refused_by_who_does_not_know_it(bench: Workbench) -> str:
    job = bench.submit(THRICE)
    bench.redis.lrem(f"rq:queue:{SHARED}", 0, job.id)
    silence(bench)
    script = bench.redis.register_script(source("claim"))
    assert script(args=[keys.PREFIX, keys.RQ_PREFIX, job.id, "token", 1000, "once"]) == [b"refused", b"unknown_type"]
    return job.id


def taken_by_an_unfit_worker(bench: Workbench) -> str:
    job = bench.submit(THRICE)
    bench.redis.lrem(f"rq:queue:{SHARED}", 0, job.id)
    bench.redis.hset(f"rq:job:{job.id}", "status", "failed")
    silence(bench)
    assert bench.reap()["pushed"] == 1
    return job.id


@pytest.mark.parametrize(
    "put_back",
    [lost, released, tried_again, tried_again_soon, refused_by_who_does_not_know_it, taken_by_an_unfit_worker],
)
def test_whoever_puts_a_job_back_rings(bench: Workbench, put_back: Callable[[Workbench], str]) -> None:
    job_id = put_back(bench)
    assert bells(bench.redis) == [keys.bell(SHARED, "thrice")]
    assert rung(bench, "thrice") == 1
    if put_back is not tried_again_soon:
        assert bench.pop() == job_id.encode()


@pytest.mark.parametrize("spoil", [lambda c, key: c.set(key, "x"), lambda c, key: c.hset(key, "x", 1)])
def test_a_bell_of_another_type_is_no_reason_to_refuse_a_job(
    bench: Workbench, spoil: Callable[[Redis, str], object]
) -> None:
    spoil(bench.redis, keys.bell(SHARED, "once"))
    job = bench.submit()
    assert bench.pop() == job.id.encode()
    bench.redis.delete(keys.bell(SHARED, "once"))


def test_a_look_in_vain_tells_when_the_next_job_is_due_if_that_is_before_the_next_look(bench: Workbench) -> None:
    script = bench.redis.register_script(source("pop"))
    arguments: list[str | int] = [keys.PREFIX, keys.RQ_PREFIX, " ".join(KNOWN), 0, "pollable-high", SHARED]
    assert script(args=arguments) == [0]
    bench.submit(job_type("once"), delay_ms=60_000)
    assert script(args=arguments) == [0]
    bench.submit(delay_ms=1700)
    bench.submit(URGENT, delay_ms=1900)
    reply: Any = script(args=arguments)
    assert reply[:2] == [0, b"due in"]
    assert 0 < reply[2] <= 1700
