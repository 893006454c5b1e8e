import asyncio
import re
import time

import pytest
from redis.asyncio import Redis

from service import keys
from service.errors import QuotaExceeded, StoreUnavailable
from service.limits import Limiter, Quota, Verdict, fields, refusal, verdict_of
from tests.limits.conftest import Run

POLLS = Quota("polls", 120)
QUICK = Quota("writes", 4, window_s=1)


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
        # An hour, so that nothing is earned back while the burst goes on.
        assert await allowed_at_once(Limiter(client), Quota("polls", limit, window_s=3600 * limit), "ann") == limit

    run(body)


def test_simultaneous_requests_share_one_quota(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, quota = Limiter(client), Quota("writes", 20, window_s=3600)
        answers = await asyncio.gather(*(limiter.check(quota, "ann") for _ in range(60)), return_exceptions=True)
        assert sum(isinstance(answer, Verdict) for answer in answers) == 20
        assert sum(isinstance(answer, QuotaExceeded) for answer in answers) == 40

    run(body)


def test_remaining_counts_down_and_paces_the_caller(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, quota = Limiter(client), Quota("polls", 3, window_s=300)
        verdicts = [await limiter.check(quota, "ann") for _ in range(3)]
        assert [(verdict.remaining, verdict.reset_s) for verdict in verdicts] == [(2, 200), (1, 100), (0, 100)]
        assert {verdict.retry_after_s for verdict in verdicts} == {0}

    run(body)


def test_a_refused_request_is_let_in_after_the_time_it_was_told(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter = Limiter(client)
        assert await allowed_at_once(limiter, QUICK, "ann") == QUICK.limit
        told_s = int((await refused(limiter, QUICK, "ann")).headers["Retry-After"])
        await asyncio.sleep(told_s)
        await limiter.check(QUICK, "ann")

    run(body)


def test_requests_are_earned_back_at_the_rate_of_the_quota(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, begun_at = Limiter(client), time.monotonic()
        let_in = await allowed_at_once(limiter, QUICK, "ann")
        while let_in < 9:
            try:
                await limiter.check(QUICK, "ann")
                let_in += 1
            except QuotaExceeded:
                await asyncio.sleep(0.01)
            assert time.monotonic() - begun_at < 20
        # Four at once, five more at 250 ms each; Redis' clock is read in whole milliseconds.
        assert time.monotonic() - begun_at >= 5 * 0.25 - 0.001

    run(body)


def test_a_refused_request_costs_nothing(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter = Limiter(client)
        await allowed_at_once(limiter, QUICK, "ann")
        deadline = time.monotonic() + 1
        before = await client.get(keys.limit("writes", "ann"))
        while time.monotonic() < deadline and isinstance(
            (await asyncio.gather(limiter.check(QUICK, "ann"), return_exceptions=True))[0], QuotaExceeded
        ):
            assert await client.get(keys.limit("writes", "ann")) == before
        assert await client.get(keys.limit("writes", "ann")) != before

    run(body)


def test_owners_and_buckets_do_not_eat_into_each_other(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, reads, writes = Limiter(client), Quota("reads", 2, window_s=600), Quota("writes", 2, window_s=600)
        assert await allowed_at_once(limiter, reads, "ann") == 2
        assert await allowed_at_once(limiter, reads, "bob") == 2
        assert await allowed_at_once(limiter, writes, "ann") == 2
        await refused(limiter, reads, "ann")

    run(body)


def test_the_state_expires_when_everything_is_earned_back(run: Run) -> None:
    async def body(client: Redis) -> None:
        limiter, key = Limiter(client), keys.limit("polls", "ann")
        await limiter.check(POLLS, "ann")
        assert 0 < await client.pttl(key) <= 500
        await allowed_at_once(limiter, POLLS, "ann")
        assert 55_000 < await client.pttl(key) <= 60_000

    run(body)


def test_a_clock_that_stepped_back_locks_nobody_out_for_longer_than_a_window(run: Run) -> None:
    async def body(client: Redis) -> None:
        in_an_hour = (int(time.time()) + 3600) * 1_000_000
        await client.set(keys.limit("writes", "ann"), in_an_hour, px=60_000)
        error = await refused(Limiter(client), QUICK, "ann")
        assert error.headers["Retry-After"] == "1"

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
        assert error.headers["Retry-After"] == item[1]
        assert 1 <= int(item[1]) <= 30
        assert error.extra == {"violated-policies": ["writes"]}

    run(body)


def test_an_answer_that_was_let_in_carries_the_fields_too() -> None:
    verdict = verdict_of(POLLS, [1, 119, 59_500, 0])
    assert verdict == Verdict(allowed=True, limit=120, remaining=119, reset_s=60, retry_after_s=0)
    assert fields(POLLS, verdict) == {
        "RateLimit-Policy": '"polls";q=120;w=60',
        "RateLimit": '"polls";r=119;t=60',
    }


def test_retry_after_is_a_whole_second_at_least() -> None:
    error = refusal(POLLS, verdict_of(POLLS, [0, 0, 1, 1]))
    assert error.headers["Retry-After"] == "1"
    assert refusal(POLLS, verdict_of(POLLS, [0, 0, 1001, 1001])).headers["Retry-After"] == "2"


def test_a_redis_that_is_away_is_a_503() -> None:
    async def body() -> None:
        async with Redis.from_url("redis://127.0.0.1:1/0", socket_timeout=0.5) as client:
            with pytest.raises(StoreUnavailable):
                await Limiter(client).check(POLLS, "ann")

    asyncio.run(body())
