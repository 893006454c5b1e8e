"""A personal access token that was taken back, and web processes that had seen it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pollable.auth.authenticator import Authenticator
from pollable.cli import issued_tokens
from pollable.errors import InvalidToken, StoreUnavailable
from pollable.settings import Settings
from tests.auth.conftest import Clock
from tests.auth.minting import SECRET, bearer, hs_token

BOTH = Settings(auth=("jwt", "tokens"), jwt_secret=SECRET)
JWT = bearer(hs_token(iss=None, aud=None))
READ_S = 5.0
"""The longest that a revoked token may still read."""


@pytest.fixture
def clock(clock_of: Callable[[str], Clock]) -> Clock:
    return clock_of("pollable.auth.authenticator")


def on_redis(url: str, body: Callable[[Authenticator], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Redis.from_url(url, retry=Retry(NoBackoff(), 0)) as connected:
            await body(Authenticator.from_settings(BOTH, connected))

    asyncio.run(run())


def calls_of(client: redis.Redis) -> int:
    """How many scripts Redis ran."""
    stats: dict[str, Any] = client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


def test_a_revoked_token_writes_no_more_and_reads_for_five_seconds_at_the_most(
    redis_client: redis.Redis, redis_url: str, clock: Clock
) -> None:
    token, kept = issued_tokens.create(redis_client, "ann")

    async def body(guard: Authenticator) -> None:
        principal = await guard.authenticate(bearer(token))
        issued_tokens.revoke(redis_client, kept.id)
        clock.now_s += READ_S - 0.1
        assert guard.remembered(bearer(token)) is principal
        assert await guard.authenticate(bearer(token)) is principal
        clock.now_s += 0.1
        assert guard.remembered(bearer(token)) is None
        with pytest.raises(InvalidToken):
            await guard.authenticate(bearer(token))

    on_redis(redis_url, body)


@pytest.mark.usefixtures("clock")
def test_a_write_asks_redis_and_ends_what_was_remembered(redis_client: redis.Redis, redis_url: str) -> None:
    token, kept = issued_tokens.create(redis_client, "ann")

    async def body(guard: Authenticator) -> None:
        assert await guard.authenticate(bearer(token)) == await guard.authenticate(bearer(token), to_write=True)
        issued_tokens.revoke(redis_client, kept.id)
        with pytest.raises(InvalidToken):
            await guard.authenticate(bearer(token), to_write=True)
        assert guard.remembered(bearer(token)) is None, "and reads no more either"

    on_redis(redis_url, body)


def test_the_five_seconds_begin_when_redis_is_asked_and_not_when_it_has_answered(
    redis_client: redis.Redis, redis_url: str, clock: Clock
) -> None:
    token, _ = issued_tokens.create(redis_client, "ann")

    async def body(guard: Authenticator) -> None:
        asking = asyncio.create_task(guard.authenticate(bearer(token)))
        await asyncio.sleep(0)
        # Redis has not answered yet: nothing was read from it so far.
        clock.now_s += READ_S
        await asking
        assert guard.remembered(bearer(token)) is None

    on_redis(redis_url, body)


@pytest.mark.usefixtures("clock")
def test_each_write_costs_one_call_and_many_at_once_share_it(redis_client: redis.Redis, redis_url: str) -> None:
    token, _ = issued_tokens.create(redis_client, "ann")
    other, _ = issued_tokens.create(redis_client, "bob")

    async def body(guard: Authenticator) -> None:
        await guard.authenticate(bearer(token))
        before = calls_of(redis_client)
        for _ in range(5):
            await guard.authenticate(bearer(token), to_write=True)
            await guard.authenticate(bearer(token))
        assert calls_of(redis_client) - before == 5
        both = [guard.authenticate(bearer(each), to_write=True) for each in (token, other) * 30]
        principals = await asyncio.gather(*both)
        assert calls_of(redis_client) - before <= 7
        assert len({principal.owner for principal in principals}) == 2
        assert len(principals) == 60

    on_redis(redis_url, body)


def test_a_web_token_cannot_be_revoked_and_is_remembered_for_writing_too(clock: Clock) -> None:
    async def body(guard: Authenticator) -> None:
        principal = await guard.authenticate(JWT)
        clock.now_s += 59.9
        assert await guard.authenticate(JWT, to_write=True) is principal

    on_redis("redis://127.0.0.1:1/0", body)


@pytest.mark.usefixtures("clock")
def test_a_write_does_not_rest_on_what_is_remembered_while_redis_is_away(
    redis_client: redis.Redis, redis_url: str
) -> None:
    token, _ = issued_tokens.create(redis_client, "ann")

    async def body(guard: Authenticator) -> None:
        await guard.authenticate(bearer(token))
        # What may write waits, and a script may.
        redis_client.client_pause(60_000, all=False)
        try:
            with pytest.raises(StoreUnavailable):
                await guard.authenticate(bearer(token), to_write=True)
        finally:
            redis_client.client_unpause()
        assert guard.remembered(bearer(token)) is not None, "a Redis that is away takes back no token"

    on_redis(f"{redis_url}?socket_timeout=0.3", body)


def test_what_is_remembered_is_the_digest_of_a_token(redis_client: redis.Redis, redis_url: str) -> None:
    token, _ = issued_tokens.create(redis_client, "ann")

    async def body(guard: Authenticator) -> None:
        for authorization in (bearer(token), JWT):
            await guard.authenticate(authorization)
            assert guard.remembered(authorization) is not None
            secret = authorization.split(b".")[-1].removeprefix(b"Bearer pbl_")
            everything = repr([*vars(guard).values()]).encode()
            assert secret not in everything

    on_redis(redis_url, body)
