"""Few connections for many callers: who finds all of them in use waits in line for one."""

import asyncio
import time
from collections import deque
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

FEWER_S = 10.0


class Line(ConnectionPool):
    """At most `max_connections`; waiting for one.

    redis-py's own pool raises for want of a connection, or waits a fixed time for one. Here a line that moves is waited
    in, and as soon as a call ahead finds Redis away, everybody in it is told so: it has waited as long as that call.
    Where Redis gives out fewer, others having taken them, this makes do with those that it has, and asks for more
    every 10 s.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._most = self.max_connections
        self._fewer_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @classmethod
    def instead_of(cls, pool: ConnectionPool) -> "Line":
        """With connections such as the pool's, and as many."""
        most = pool.max_connections
        return cls(connection_class=pool.connection_class, max_connections=most, **pool.connection_kwargs)

    async def get_connection(self, *_: Any, **__: Any) -> Any:
        """One that is open. Raises redis' connection errors."""
        while True:
            await self._turn()
            connection = self.get_available_connection()  # type: ignore[no-untyped-call]
            try:
                await self.ensure_connection(connection)
            except RedisConnectionError:
                self._in_use_connections.discard(connection)
                if not self._can_do_with_fewer():
                    self._send_away()
                    raise
            except BaseException:
                await self.release(connection)
                raise
            else:
                return connection

    async def release(self, connection: Any) -> None:
        """redis-py's own; a connection that comes back closed is one whose call found Redis away."""
        await super().release(connection)
        if connection.is_connected:
            self._call_next()
        else:
            self._send_away()

    async def _turn(self) -> None:
        if time.monotonic() > self._fewer_until:
            self.max_connections = self._most
        join = self._waiting.append
        while not self.can_get_connection():
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            join(place)
            try:
                await place
            except asyncio.CancelledError:
                self._call_next()
                raise
            # Somebody who came just now may have been quicker.
            join = self._waiting.appendleft

    def _call_next(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return

    def _send_away(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for place in waiting:
            if not place.done():
                place.set_exception(RedisConnectionError("Others who asked found Redis away."))

    def _can_do_with_fewer(self) -> bool:
        opened = sum(each.is_connected for each in self._available_connections) + len(self._in_use_connections)
        self.max_connections = opened or self._most
        self._fewer_until = time.monotonic() + FEWER_S
        return bool(opened)
