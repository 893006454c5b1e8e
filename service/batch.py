"""One Lua script asked by many callers at once: what arrives while a call is under way goes out as the next call."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from service.redisconnection import UNAVAILABLE, store_errors
from service.scripts import load

Argument = str | bytes | int


class Question(msgspec.Struct, frozen=True):
    """One caller's arguments, and where its row of the reply goes."""

    arguments: tuple[Argument, ...]
    reply: "asyncio.Future[Any]"


class BatchedScript:
    """A script whose ARGV is a common head and then each question's arguments, and whose reply is one row a question.

    `most` bounds the questions of one call, and so the time for which Redis does nothing else.
    """

    def __init__(self, redis: "Redis", name: str, *, head: tuple[Argument, ...], most: int) -> None:
        self._script = redis.register_script(load(name))
        self._head = head
        self._most = most
        self._waiting: list[Question] = []
        self._flushing: asyncio.Task[None] | None = None

    async def ask(self, arguments: tuple[Argument, ...]) -> Any:
        """The script's row for these arguments. Raises `StoreUnavailable` and `StoreFull`."""
        question = Question(arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        with store_errors():
            return await question.reply

    async def _flush(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(batch)
        finally:
            self._flushing = None

    async def _answer(self, batch: Sequence[Question]) -> None:
        arguments = [value for question in batch for value in question.arguments]
        try:
            rows = await self._script(args=[*self._head, *arguments])
        except UNAVAILABLE as error:
            # Whoever came meanwhile has waited as long as anyone should for a Redis that is away.
            waiting, self._waiting = self._waiting, []
            _fail([*batch, *waiting], error)
        except Exception as error:
            _fail(batch, error)
        else:
            for question, row in zip(batch, rows, strict=True):
                # A caller that went away has cancelled its future.
                if not question.reply.done():
                    question.reply.set_result(row)


def _fail(questions: Sequence[Question], error: Exception) -> None:
    for question in questions:
        if not question.reply.done():
            question.reply.set_exception(error)
