"""Connections to whichever Redis the sentinels call the primary.

They are asked when a connection is made, and every second: a failover that was asked for leaves the former primary
taking writes for some 10 s more, all of which are lost.
"""

import time
from contextlib import suppress
from typing import Any

import redis
import redis.asyncio
from redis import sentinel
from redis.asyncio import sentinel as async_sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from pollable.settings.redis_address import RedisAddress
from pollable.storage.line import Line

ASKED_EVERY_S = 1.0
# What a dead one costs before the next is asked: on top of the three times 0.4 s that a web process waits for Redis.
ASKING_S = 0.15


def primary(address: RedisAddress, options: dict[str, Any]) -> redis.Redis:
    """A client whose connections have these options of redis-py."""
    asking = _of_sentinels(address, options) | {"retry": Retry(NoBackoff(), 0)}
    sentinels: Any = sentinel.Sentinel  # redis-py gives it no types
    asked = sentinels(address.sentinels, sentinel_kwargs=asking, **options)
    client: redis.Redis = asked.master_for(address.service, connection_pool_class=_Pool)
    return client


def primary_async(address: RedisAddress, options: dict[str, Any]) -> "redis.asyncio.Redis":
    """The same on an event loop."""
    asking = _of_sentinels(address, options) | {"retry": AsyncRetry(NoBackoff(), 0)}
    sentinels: Any = async_sentinel.Sentinel
    asked = sentinels(address.sentinels, sentinel_kwargs=asking, **options)
    client: redis.asyncio.Redis = asked.master_for(address.service, connection_pool_class=_AsyncPool)
    return client


def _of_sentinels(address: RedisAddress, options: dict[str, Any]) -> dict[str, Any]:
    tls = {name: value for name, value in options.items() if name.startswith("ssl")}
    user = {"username": address.sentinel_username, "password": address.sentinel_password}
    return {**tls, **user, "socket_timeout": ASKING_S, "socket_connect_timeout": ASKING_S}


class _Pool(sentinel.SentinelConnectionPool):
    _asked_at = 0.0

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() - self._asked_at > ASKED_EVERY_S:
            self._asked_at = time.monotonic()
            with suppress(RedisConnectionError):
                # Where it is another one, this closes the connections to the former that nobody uses.
                self.get_master_address()  # type: ignore[no-untyped-call]
        return super().get_connection(*arguments, **options)


class _AsyncPool(Line, async_sentinel.SentinelConnectionPool):
    _asked_at = 0.0

    async def get_connection(self, *arguments: Any, **options: Any) -> Any:
        if time.monotonic() - self._asked_at > ASKED_EVERY_S:
            self._asked_at = time.monotonic()
            with suppress(RedisConnectionError):
                await self.get_master_address()  # type: ignore[no-untyped-call]
        return await super().get_connection(*arguments, **options)

    async def release(self, connection: Any) -> None:
        # The other pool of redis-py closes what was in use meanwhile itself, and this one keeps it.
        if (connection.host, connection.port) != self.master_address:
            await connection.disconnect()
        await super().release(connection)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for each in self.sentinel_manager.sentinels:
                await each.connection_pool.disconnect()
