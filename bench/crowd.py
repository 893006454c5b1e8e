"""Many who wait, each on a connection of its own: a client that costs little beside the service that is measured."""

import asyncio
import time
from typing import cast

import jwt

from bench.service import SECRET
from pollable.auth.principal import owner_of

OWNERS = 100
"""Among whom the waiters are shared out: one owner alone may hold fewer."""


def subject_at(place: int) -> str:
    """Whose job it is."""
    return f"waiter-{place % OWNERS}"


def owner_at(place: int) -> str:
    """As the service names the same."""
    return owner_of("", subject_at(place))


class Waiter(asyncio.Protocol):
    """Asks once, and notes when the whole head of the answer was there, and with which status."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._seen = b""
        self.answered_at: float | None = None
        self.status = 0
        self.answered = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no subclasses of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self.answered_at is None and b"\r\n\r\n" in self._seen:
            self.answered_at = time.monotonic()
            self.status = int(self._seen[9:12])
            self.answered.set()

    @property
    def body(self) -> bytes:
        return self._seen.partition(b"\r\n\r\n")[2]


class Crowd:
    """The waiters, and their jobs in the same order."""

    def __init__(self, port: int, ids: list[str], *, wait_s: int) -> None:
        claims = {"exp": int(time.time()) + 3600}
        tokens = [
            jwt.encode({"sub": subject_at(place), **claims}, SECRET, algorithm="HS256") for place in range(OWNERS)
        ]
        self._port = port
        self.waiters = [
            Waiter(
                f"GET /jobs/{job_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nPrefer: wait={wait_s}\r\n"
                f"Authorization: Bearer {tokens[place % OWNERS]}\r\n\r\n".encode()
            )
            for place, job_id in enumerate(ids)
        ]

    async def gather(self, *, at_once: int = 200) -> None:
        """Connect all, and ask."""
        loop = asyncio.get_running_loop()
        for begun in range(0, len(self.waiters), at_once):
            await asyncio.gather(
                *(
                    loop.create_connection(lambda waiter=waiter: waiter, "127.0.0.1", self._port)  # type: ignore[misc]
                    for waiter in self.waiters[begun : begun + at_once]
                )
            )

    async def until_answered(self, *, within_s: float) -> int:
        """How many are answered once all are, or the time is over."""
        deadline = asyncio.get_running_loop().time() + within_s
        for waiter in self.waiters:
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter.answered.wait()
            except TimeoutError:
                break
        return sum(waiter.answered.is_set() for waiter in self.waiters)

    def leave(self) -> None:
        """Close every connection."""
        for waiter in self.waiters:
            if waiter.transport is not None:
                waiter.transport.abort()
