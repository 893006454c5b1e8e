"""Bells: what a worker waits for while there is no job for it."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from pollable.storage import keys

LOOK_S = 2.0
"""After so long a worker looks by itself: other code pushes into queues without a bell."""
HEARD_S = 0.1
"""How soon a wait ends whose worker is to go; the pause in a look that has not come to the end of what waits."""


class Bells:
    """The bells of some queues and job types (`bells.lua`). `look_s`: the longest wait."""

    def __init__(self, redis: Redis, *, queues: Sequence[str], types: Iterable[str]) -> None:
        self.look_s = LOOK_S
        self._pool = redis.connection_pool
        self._keys = [keys.bell(queue, each) for each in types for queue in queues]

    def wait(self, vain: Sequence[Any], *, is_over: Callable[[], bool]) -> None:
        """After a look in vain (the reply of `pop.lua`): until one rings, a job is due, or the next look is.

        Ends at once where `is_over`. Raises redis' errors.
        """
        most_s = self._most_s(*vain)
        # Later than that Redis is away.
        away_at = time.monotonic() + most_s + LOOK_S
        is_answered = False
        connection: Any = self._pool.get_connection()
        try:
            connection.send_command("BLPOP", *self._keys, most_s)
            # Bit by bit: a signal whose handler only sets a flag does not end a read.
            while not (is_answered := connection.can_read(timeout=HEARD_S)):
                if is_over():
                    return
                if time.monotonic() > away_at:
                    raise RedisTimeoutError("BLPOP is not answered")
            connection.read_response()
        finally:
            if not is_answered:
                # Redis would ring for nobody, and answer the next command with that.
                connection.disconnect()
            self._pool.release(connection)

    def _most_s(self, passed_over: int, _due_in: bytes = b"", due_in_ms: float = float("inf")) -> float:
        return HEARD_S if passed_over else min(self.look_s, due_in_ms / 1000)
