"""What a flow asks of whoever runs it, and is given. Flows do nothing themselves: so that one serves both clients."""

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

import msgspec

from pollable.client.errors import Unreachable

T = TypeVar("T")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request; `path` begins where the service's address ends. Its answer is an `Answer` or an `Unreachable`.

    `timeout_s` is the longest silence before an answer, and within one.
    """

    method: str = "GET"
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    timeout_s: float = 10.0


class Listen(msgspec.Struct, frozen=True):
    """A request that is answered with events: its answer is the same, without a body if that is a stream."""

    request: Request


class NextEvent(msgspec.Struct, frozen=True):
    """The next event of the stream: its data, None at the end, or an `Unreachable`."""


class Pause(msgspec.Struct, frozen=True):
    """Nothing, for some seconds."""

    seconds: float


class Told(msgspec.Struct, frozen=True):
    """Something for whoever goes through what the flow tells."""

    value: Any


class Answer(msgspec.Struct, frozen=True):
    """An HTTP response; header names are in lower case, `url` is what was asked."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


Step = Request | Listen | NextEvent | Pause | Told
Reply = Answer | Unreachable | str | None
Flow = Generator[Step, Reply, T]
