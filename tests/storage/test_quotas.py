import asyncio
import re
import time
from typing import Any

import fakeredis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from pollable.errors import InvalidParameter, QuotaExceeded, StoreUnavailable
from pollable.storage import keys
from pollable.storage.quotas import Limiter, Quota, Verdict, allowed, fields, verdict_of
from pollable.storage.scripts import source
from tests.storage.conftest import Run

POLLS = Quota("polls", 120)
QUICK = Quota("writes", 4, window_s=1)
WINDOW = """
return {window(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]))}
"""


async def allowed_at_once(limiter: Limiter, quota: Quota, owner: str) -> int:
    for count in range(quota.limit + 10):
        try:
            await limiter.check(quota, owner)
        except QuotaExceeded:
            return count
    raise AssertionError("the quota has no end")


async def refused(limiter: Limiter, quota: Quota, owner: str) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as caught:
        await limiter.check(quota, owner)
    return caught.value


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 100, 120, 977])
def test_a_burst_of_exactly_the_limit_is_let_in(run: Run, limit: int) -> None:
    async def body(client: Redis) -> None:
        # An hour, so that nothing comes back while the burst goes on.
        assert await allowed_at_once(Limiter(client), Quota("polls", limit, window_s=3600), "ann") == limit

    run(body)


def test_simultaneous_requests_share_one_quota(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, quota = Limiter(client), Quota("writes", 20, window_s=3600)
        answers = await asyncio.gather(*(limiter.check(quota, "ann") for _ in range(60)), return_exceptions=True)
        assert sum(isinstance(answer, Verdict) for answer in answers) == 20
        assert sum(isinstance(answer, QuotaExceeded) for answer in answers) == 40

    run(body)


def test_remaining_counts_down_and_says_when_there_is_more(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, quota = Limiter(client), Quota("polls", 3, window_s=300)
        verdicts = [await limiter.check(quota, "ann") for _ in range(3)]
        assert [verdict and verdict.remaining for verdict in verdicts] == [2, 1, 0]
        assert {verdict and verdict.reset_s for verdict in verdicts} <= {299, 300}
        assert {verdict and verdict.retry_after_s for verdict in verdicts} == {0}

    run(body)


def test_a_batch_is_let_in_whole_or_not_at_all(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, quota = Limiter(client), Quota("reads", 10, window_s=300)
        first = await limiter.check(quota, "ann", cost=7)
        assert first is not None
        assert first.remaining == 3
        with pytest.raises(QuotaExceeded):
            await limiter.check(quota, "ann", cost=4)
        last = await limiter.check(quota, "ann", cost=3)
        assert last is not None
        assert last.remaining == 0

    run(body)


def test_a_batch_of_more_than_there_ever_are_is_told_so_and_costs_nothing(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, quota = Limiter(client), Quota("reads", 10, window_s=300)
        with pytest.raises(InvalidParameter, match="10 are allowed in 300 s"):
            await limiter.check(quota, "ann", cost=11)
        verdict = await limiter.check(quota, "ann", cost=10)
        assert verdict is not None
        assert verdict.remaining == 0

    run(body)


def test_a_refused_request_is_let_in_after_the_time_it_was_told(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter = Limiter(client)
        assert await allowed_at_once(limiter, QUICK, "ann") == QUICK.limit
        told_s = (await refused(limiter, QUICK, "ann")).retry_after_s
        assert told_s is not None
        await asyncio.sleep(told_s)
        await limiter.check(QUICK, "ann")

    run(body)


def test_a_refused_request_costs_nothing(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter = Limiter(client)
        await allowed_at_once(limiter, QUICK, "ann")
        deadline = time.monotonic() + 3
        before = await client.lrange(keys.limit("writes", "ann"), 0, -1)
        while time.monotonic() < deadline and isinstance(
            (await asyncio.gather(limiter.check(QUICK, "ann"), return_exceptions=True))[0], QuotaExceeded
        ):
            # Or it is over by now.
            assert await client.lrange(keys.limit("writes", "ann"), 0, -1) in (before, [])
        assert await client.lrange(keys.limit("writes", "ann"), 0, -1) != before

    run(body)


def test_owners_and_buckets_do_not_eat_into_each_other(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, reads, writes = Limiter(client), Quota("reads", 2, window_s=600), Quota("writes", 2, window_s=600)
        assert await allowed_at_once(limiter, reads, "ann") == 2
        assert await allowed_at_once(limiter, reads, "bob") == 2
        assert await allowed_at_once(limiter, writes, "ann") == 2
        await refused(limiter, reads, "ann")

    run(body)


def test_the_state_expires_with_its_window(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, key = Limiter(client), keys.limit("polls", "ann")
        await limiter.check(POLLS, "ann")
        assert 55_000 < await client.pttl(key) <= 60_001

    run(body)


def test_a_clock_that_stepped_back_locks_nobody_out(run: Run) -> None:
    async def body(client: Redis) -> None:
        in_an_hour = (int(time.time()) + 3600) * 1000
        await client.rpush(keys.limit("writes", "ann"), *[in_an_hour] * QUICK.limit)
        await Limiter(client).check(QUICK, "ann")

    run(body)


def test_a_lowered_limit_counts_at_once(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter = Limiter(client)
        assert await allowed_at_once(limiter, Quota("polls", 10, window_s=600), "ann") == 10
        await refused(limiter, Quota("polls", 2, window_s=600), "ann")

    run(body)


def test_the_refusal_says_when_to_come_back_in_structured_fields(run: Run) -> None:
    async def body(client: Redis) -> None:
        quota = Quota("writes", 2, window_s=60)
        limiter = Limiter(client)
        await allowed_at_once(limiter, quota, "ann")
        error = await refused(limiter, quota, "ann")
        assert (error.status, error.code) == (429, "quota_exceeded")
        assert error.headers["RateLimit-Policy"] == '"writes";q=2;w=60'
        item = re.fullmatch(r'"writes";r=0;t=([0-9]+)', error.headers["RateLimit"])
        assert item is not None
        assert error.retry_after_s == int(item[1])
        assert 55 <= int(item[1]) <= 60
        assert error.extra == {"violated-policies": ["writes"]}

    run(body)


def test_an_answer_that_was_let_in_carries_the_fields_too() -> None:
    verdict = verdict_of(POLLS, [1, 119, 59_500, 0])
    assert verdict is not None
    assert verdict == Verdict(allowed=True, limit=120, remaining=119, reset_s=60, retry_after_s=0)
    assert fields(POLLS, verdict) == {
        "RateLimit-Policy": '"polls";q=120;w=60',
        "RateLimit": '"polls";r=119;t=60',
    }


@pytest.mark.parametrize(("wait_ms", "told_s"), [(1, 1), (1000, 1), (1001, 2)])
def test_retry_after_is_a_whole_second_at_least(wait_ms: int, told_s: int) -> None:
    with pytest.raises(QuotaExceeded) as caught:
        allowed(POLLS, [0, 0, wait_ms, wait_ms])
    assert caught.value.retry_after_s == told_s


def test_where_redis_refuses_to_count_the_request_is_let_in(redis_client: SyncRedis, redis_url: str) -> None:
    async def body() -> None:
        async with Redis.from_url(redis_url) as client:
            assert await Limiter(client).check(POLLS, "ann") is None

    redis_client.replicaof("127.0.0.1", "1")
    try:
        asyncio.run(body())
    finally:
        redis_client.replicaof("NO", "ONE")


@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 3)), max_size=40), st.integers(1, 6))
def test_never_more_than_the_limit_in_any_window_and_never_fewer_than_may_be(
    requests: list[tuple[int, int]], limit: int
) -> None:
    script = fakeredis.FakeRedis().register_script(source("window") + WINDOW)
    let_in: list[int] = []
    now = 0
    for pause_ms, cost in requests:
        now += pause_ms
        cost = min(cost, limit)
        inside = [at for at in let_in if now - at <= 60_000]
        reply: Any = script(keys=["quota"], args=[limit, 60_000, now, cost])
        assert reply[0] == (len(inside) + cost <= limit)
        if reply[0]:
            let_in += [now] * cost
            assert reply[1:] == [limit - len(inside) - cost, max([*inside, now][0] + 60_000 - now, 1), 0]
        else:
            freed = inside[len(inside) + cost - limit - 1]
            assert reply[3] == max(freed + 60_000 - now, 1)


def test_a_redis_that_is_away_is_a_503() -> None:
    async def body() -> None:
        async with Redis.from_url("redis://127.0.0.1:1/0", socket_timeout=0.5) as client:
            with pytest.raises(StoreUnavailable):
                await Limiter(client).check(POLLS, "ann")

    asyncio.run(body())
