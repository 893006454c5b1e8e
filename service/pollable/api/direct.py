"""A blocking Redis client where an awaited one is expected: whatever is awaited of it is done at once, in this thread.

So what reads and changes jobs is written once, and needs no event loop, no thread and nothing that a fork would lose.
"""

import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from redis import Redis
from redis.client import Pipeline

from pollable.storage.batch import Argument, BatchedScript
from pollable.storage.connection import store_errors

T = TypeVar("T")


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that awaits nothing but what is done at once."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise RuntimeError("Something that needs an event loop was awaited without one.")


async def sleep(seconds: float) -> None:
    """`asyncio.sleep`, and nobody else does anything meanwhile."""
    time.sleep(seconds)  # noqa: ASYNC251 - that is what it is for


class Direct:
    """As much of `redis.asyncio.Redis` as jobs are read and changed with. Threads may share it, as they may `redis`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def register_script(self, text: str) -> Callable[..., Awaitable[Any]]:
        script = self._redis.register_script(text)

        async def run(*, args: Sequence[Argument]) -> Any:
            return script(args=args)

        return run

    async def hget(self, name: str, field: str) -> Any:
        return self._redis.hget(name, field)

    async def hmget(self, name: str, *fields: str) -> Any:
        return self._redis.hmget(name, fields)

    async def publish(self, channel: str, message: bytes) -> Any:
        return self._redis.publish(channel, message)

    def pipeline(self, *, transaction: bool) -> "DirectPipeline":
        return DirectPipeline(self._redis.pipeline(transaction=transaction))


class DirectPipeline:
    """As much of `redis.asyncio`'s pipeline as a submit that waits for replicas needs."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def __aenter__(self) -> "DirectPipeline":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipeline.reset()

    def __getattr__(self, command: str) -> Any:
        return getattr(self._pipeline, command)

    async def execute(self, **options: Any) -> Sequence[Any]:
        return self._pipeline.execute(**options)


class DirectScript(BatchedScript):
    """One call for each question: there is nobody to go with."""

    async def ask(self, arguments: tuple[Argument, ...]) -> Any:
        with store_errors():
            (row,) = await self._call([*self._head, *arguments])
        return row
