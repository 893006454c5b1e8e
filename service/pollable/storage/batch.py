"""One Lua script asked by many callers at once: what arrives while a call is under way goes out as the next call."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from pollable.errors import StoreUnavailable
from pollable.storage import keys
from pollable.storage.connection import store_errors
from pollable.storage.refusals import is_away
from pollable.storage.scripts import source

# Less than the time-out of the connection that waits for it.
WAIT_MS = 300
UNCONFIRMED = "Too few replicas confirm what was stored. The job may run: send it again, with the same Idempotency-Key."

Argument = str | bytes | int
Call = Callable[[list[Argument]], Awaitable[Any]]

SIZES: Counter[tuple[str, int]] = Counter()
"""How often each script was asked by so many callers at once, in this process."""


class Question(msgspec.Struct, frozen=True):
    """One caller's arguments, and where its row of the reply goes."""

    arguments: tuple[Argument, ...]
    reply: "asyncio.Future[Any]"


class BatchedScript:
    """A script whose ARGV is a common head and then each question's arguments, and whose reply is one row a question.

    `most` bounds the questions of one call, and so the time for which Redis does nothing else. What it wrote is on
    `replicas` others before it is answered. `call` is what is asked in place of the script.
    """

    def __init__(
        self,
        redis: "Redis",
        name: str,
        *,
        head: tuple[Argument, ...],
        most: int,
        replicas: int = 0,
        call: Call | None = None,
    ) -> None:
        self._call = call or self._run
        self._redis, self._name, self._replicas = redis, name, replicas
        self._source = source(name)
        self._script = redis.register_script(self._source)
        self._head = head
        self._most = most
        self.begun = 0
        self._waiting: list[Question] = []
        self._flushing: asyncio.Task[None] | None = None

    async def ask(self, arguments: tuple[Argument, ...]) -> Any:
        """The script's row for these arguments. Raises what `store_errors` raises."""
        question = Question(arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        with store_errors():
            return await question.reply

    async def _flush(self) -> None:
        try:
            # A caller that went away has cancelled its future; what was not sent for it is not sent.
            while waiting := [question for question in self._waiting if not question.reply.done()]:
                batch, self._waiting = waiting[: self._most], waiting[self._most :]
                await self._answer(batch)
        finally:
            self._flushing = None

    async def _answer(self, batch: Sequence[Question]) -> None:
        self.begun += 1
        SIZES[self._name, len(batch)] += 1
        arguments = [value for question in batch for value in question.arguments]
        try:
            rows = await self._call([*self._head, *arguments])
        except Exception as error:
            if is_away(error) or isinstance(error, StoreUnavailable):
                # Whoever came meanwhile has waited as long as anyone should for a Redis that is away, or its replicas.
                batch, self._waiting = [*batch, *self._waiting], []
            _fail(batch, error)
        else:
            for question, row in zip(batch, rows, strict=True):
                if not question.reply.done():
                    question.reply.set_result(row)

    async def _run(self, arguments: list[Argument]) -> Any:
        if not self._replicas:
            return await self._script(args=arguments)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.eval(self._source, 0, *arguments)
            # WAIT is for what its own connection wrote; a job that was found stored was written by another.
            pipeline.set(f"{keys.PREFIX}waited", "", px=1000)
            pipeline.wait(self._replicas, WAIT_MS)
            # Raised by the pipeline, an error would begin with all that was sent.
            rows, _, reached = await pipeline.execute(raise_on_error=False)
        if isinstance(rows, Exception):
            raise rows
        if not isinstance(reached, int) or reached < self._replicas:
            raise StoreUnavailable(UNCONFIRMED)
        return rows


def _fail(questions: Sequence[Question], error: Exception) -> None:
    for question in questions:
        if not question.reply.done():
            question.reply.set_exception(error)
