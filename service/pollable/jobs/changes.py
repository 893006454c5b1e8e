"""The published changes of jobs: one subscription a process, for all of it that wants to hear of them."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from pollable.storage import keys
from pollable.storage.connection import tolerated

log = logging.getLogger("pollable.jobs")

QUIET_S = 10.0
"""After so long without a word Redis is asked for one, and after as long again it is taken for lost."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


class Change(NamedTuple):
    """What a script said (`record.lua`): the job's version and state now ('deleted' where it is gone), whose it is."""

    job_id: str
    version: int
    state: str
    owner: str


Heard = Callable[[Change | None], object]


class Changes:
    """Tells its listeners of every change of any job, on a connection of its own, as long as there are listeners.

    While `is_listening` is false nothing is heard, and what happens meanwhile never will be. Redis promises no message:
    whoever relies on them looks for himself now and then. Belongs to one event loop at a time.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._listeners: dict[object, Heard] = {}
        self._listening: asyncio.Task[None] | None = None
        self._pause_s = FIRST_PAUSE_S
        self.is_listening = False

    def subscribe(self, heard: Heard) -> Callable[[], object]:
        """From now on `heard` is called with each change, until the caller calls what this returns.

        It is called with None whenever hearing begins, at first and after each interruption: what was known until then
        may have changed unheard. It runs on the event loop and must be quick.
        """
        me = object()
        self._listeners[me] = heard
        if self.is_listening:
            heard(None)
        elif self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())
        return lambda: self._listeners.pop(me, None)

    async def close(self) -> None:
        """Hear no more; a later `subscribe` begins anew."""
        self._listeners.clear()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None

    async def _listen(self) -> None:
        while self._listeners:
            try:
                with tolerated("hearing of changes"):
                    await self._hear()
            except Exception:
                # Whatever it was: those who wait go on, and find out by looking.
                log.exception("changes are not heard")
            if self._listeners:
                await asyncio.sleep(self._pause_s)
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._listening = None

    async def _hear(self) -> None:
        """Until nobody listens any more, which is seen at the next word. Raises redis' errors."""
        pool: Any = self._redis.connection_pool
        connection = pool.make_connection()
        try:
            await connection.connect()
            await connection.send_command("PSUBSCRIBE", keys.changed("*"))
            await connection.read_response(push_request=True)
            self.is_listening, self._pause_s = True, FIRST_PAUSE_S
            self._tell(None)
            while self._listeners:
                if change := await _next(connection):
                    self._tell(change)
        finally:
            self.is_listening = False
            await connection.disconnect(nowait=True)

    def _tell(self, change: Change | None) -> None:
        for heard in tuple(self._listeners.values()):
            heard(change)


async def _next(connection: Any) -> Change | None:
    """What is said next; None where it was no script of ours that said it."""
    # redis-py 8 cuts reads at socket_timeout; a subscription may idle for minutes.
    word = await connection.read_response(timeout=QUIET_S, push_request=True)
    if word is None:
        await connection.send_command("PING")
        word = await connection.read_response(timeout=QUIET_S, push_request=True)
    if word is None:
        raise RedisConnectionError("Redis says nothing.")
    if word[0] != b"pmessage":
        return None
    with suppress(ValueError):
        version, state, owner = word[3].decode().split(" ", 2)
        return Change(word[2].decode().removeprefix(keys.changed("")), int(version), state, owner)
    return None
