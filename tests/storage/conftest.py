import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import fakeredis
import pytest
from redis.asyncio import Redis

Run = Callable[[Callable[[Redis], Coroutine[Any, Any, None]]], None]


@pytest.fixture(params=["redis", "fakeredis"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's body on an empty Redis, real or not, and sees that it leaves no key that lives for ever."""
    url: str | None = request.getfixturevalue("redis_url") if request.param == "redis" else None

    async def around(body: Callable[[Redis], Coroutine[Any, Any, None]]) -> None:
        server = fakeredis.FakeServer()
        async with Redis.from_url(url) if url else fakeredis.FakeAsyncRedis(server=server) as client:
            await body(client)
            for key in await client.keys("*"):
                assert await client.pttl(key) > 0, f"{key!r} lives for ever"

    return lambda body: asyncio.run(around(body))
