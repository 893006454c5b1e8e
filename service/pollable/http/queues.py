"""The deployment's queues as operators see them: how deep each is, how old its oldest job, and how that was before."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from pollable.auth.authenticator import require
from pollable.envelopes.answer import Answer
from pollable.envelopes.times import to_milliseconds
from pollable.http.replies import ready, send_read
from pollable.http.services import Services
from pollable.storage import keys
from pollable.storage.connection import store_errors
from pollable.storage.scripts import source


class Point(msgspec.Struct, frozen=True, rename="camel"):
    """How deep a queue was, and for how long the oldest of its jobs had waited; null where none did."""

    at: str
    depth: int
    oldest_waiting_s: float | None


class Queue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A queue now, and within the last hour.

    `depth` is of the jobs that are due and wait, `scheduled` of those that are due later. `workers` are those that
    live, RQ's own among them. There is a point about every 30 s, oldest first.
    """

    name: str
    depth: int
    oldest_waiting_s: float | None
    scheduled: int
    running: int
    workers: int
    busy_workers: int
    history: list[Point]


class QueuesBody(msgspec.Struct, frozen=True):
    """The queues of the deployment, in the order of their priority."""

    queues: list[Queue]


class Queues:
    """`GET /queues`: for whoever may read everybody's jobs."""

    def __init__(self, services: Services) -> None:
        self._authenticator = services.authenticator
        self._script = services.redis.register_script(source("queues"))
        self._names = services.settings.queues

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        given = dict(scope["headers"])
        principal = await self._authenticator.authenticate(given.get(b"authorization"))
        for needed in ("jobs:read", "jobs:admin"):
            require(principal, needed)
        with store_errors():
            reply: Any = await self._script(args=[keys.PREFIX, keys.RQ_PREFIX, *self._names])
        answer = Answer(200, msgspec.json.encode(QueuesBody(list(_queues(self._names, reply)))))
        await send_read(scope, send, ready(answer), if_none_match=given.get(b"if-none-match"))


def _queues(names: Sequence[str], reply: tuple[Sequence[Sequence[int]], Sequence[bytes]]) -> Iterator[Queue]:
    rows, noted = reply
    history: dict[str, list[Point]] = {name: [] for name in names}
    for text in noted:
        at_ms, *told = text.decode().split()
        # Other deployments of this prefix may have other queues.
        for name, *waited in zip(told[::3], told[1::3], told[2::3], strict=True):
            if name in history:
                history[name].append(Point(to_milliseconds(int(at_ms)), int(waited[0]), _age_s(*map(int, waited))))
    for name, (depth, age_ms, scheduled, running, workers, busy) in zip(names, rows, strict=True):
        yield Queue(
            name=name,
            depth=depth,
            oldest_waiting_s=_age_s(depth, age_ms),
            scheduled=scheduled,
            running=running,
            workers=workers,
            busy_workers=busy,
            history=history[name],
        )


def _age_s(depth: int, age_ms: int) -> float | None:
    return age_ms / 1000 if depth else None
