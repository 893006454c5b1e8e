"""When a personal access token was last used: the day, no more, and never at the price of a request."""

import asyncio
from collections.abc import Callable

import pytest
import redis
from redis.asyncio import Redis

from pollable.auth.access_tokens import AccessTokens, digest
from pollable.cli import issued_tokens
from pollable.errors import InvalidToken
from pollable.storage import keys


def verify(url: str, *tokens: str) -> None:
    async def body() -> None:
        async with Redis.from_url(url) as connected:
            kept = AccessTokens(connected)
            await asyncio.gather(*(kept.verify(token) for token in tokens))

    asyncio.run(body())


def today(client: redis.Redis) -> int:
    return int(client.time()[0]) // 86_400


def writes(client: redis.Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_hset", {}).get("calls", 0))


def test_the_day_of_the_last_use_is_kept(redis_client: redis.Redis, redis_url: str) -> None:
    token, kept = issued_tokens.create(redis_client, "ann")
    issued_tokens.create(redis_client, "bob")
    assert kept.used_on is None
    earliest = today(redis_client)
    verify(redis_url, token)
    used, unused = issued_tokens.every(redis_client)
    assert used.used_on in (earliest, today(redis_client))
    assert (used.subject, unused.subject, unused.used_on) == ("ann", "bob", None)


def test_it_is_written_once_a_day(redis_client: redis.Redis, redis_url: str) -> None:
    tokens = [issued_tokens.create(redis_client, name)[0] for name in ("ann", "bob")]
    before = writes(redis_client)
    for _ in range(3):
        verify(redis_url, *tokens * 5)
    # Twice each where midnight came between.
    assert 2 <= writes(redis_client) - before <= 4
    key = keys.token(digest(tokens[0]))
    redis_client.hset(key, "used_on", today(redis_client) - 1)
    verify(redis_url, tokens[0])
    assert issued_tokens.every(redis_client)[0].used_on == today(redis_client)


def test_a_use_does_not_lengthen_a_tokens_life(redis_client: redis.Redis, redis_url: str) -> None:
    token, kept = issued_tokens.create(redis_client, "ann", lifetime_s=100)
    verify(redis_url, token)
    assert 0 < redis_client.pttl(keys.token(digest(token))) <= 100_000
    assert issued_tokens.every(redis_client)[0].expires_at == kept.expires_at


def full(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)


def without_a_disk(client: redis.Redis) -> None:
    client.config_set("min-replicas-to-write", 1)


def read_only(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "1")


@pytest.fixture
def as_it_was(redis_client: redis.Redis) -> Callable[[], None]:
    def restore() -> None:
        redis_client.replicaof("NO", "ONE")
        redis_client.config_set("maxmemory", 0)
        redis_client.config_set("min-replicas-to-write", 0)

    return restore


@pytest.mark.parametrize("refusing", [full, without_a_disk, read_only], ids=lambda each: each.__name__)
def test_a_redis_that_refuses_to_write_refuses_no_token(
    redis_client: redis.Redis,
    redis_url: str,
    as_it_was: Callable[[], None],
    refusing: Callable[[redis.Redis], None],
) -> None:
    token, _ = issued_tokens.create(redis_client, "ann")
    try:
        refusing(redis_client)
        verify(redis_url, token)
    finally:
        as_it_was()
    assert issued_tokens.every(redis_client)[0].used_on is None
    verify(redis_url, token)
    assert issued_tokens.every(redis_client)[0].used_on is not None


def test_what_else_lies_at_a_tokens_key_is_no_token_and_no_trouble_to_others(
    redis_client: redis.Redis, redis_url: str
) -> None:
    token, _ = issued_tokens.create(redis_client, "ann")
    odd = ["pbl_" + letter * 32 for letter in "abc"]
    redis_client.set(keys.token(digest(odd[0])), "text", ex=60)
    redis_client.hset(keys.token(digest(odd[1])), "owner", "ann")
    redis_client.expire(keys.token(digest(odd[1])), 60)

    async def body() -> None:
        async with Redis.from_url(redis_url) as connected:
            kept = AccessTokens(connected)
            answers = await asyncio.gather(*(kept.verify(each) for each in (*odd, token)), return_exceptions=True)
            assert [isinstance(answer, InvalidToken) for answer in answers] == [True, True, True, False]

    asyncio.run(body())
