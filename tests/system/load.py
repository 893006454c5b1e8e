"""Callers who ask one thing again and again, and what became of each request."""

import asyncio
import contextlib
import re
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

POLL = b"GET /job_status?job_id=nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
SUBMIT = b"POST /nap HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n0.1"
PAUSE_S = 0.05
PATIENCE_S = 20.0
"""For one answer; far longer than any takes."""


class Load:
    """What became of the requests: `answered`, `reset` (sent, and nothing or half an answer came back), `failed` (5xx).

    `refused` are those that found nobody to connect to.
    """

    def __init__(self, url: str, *, request: bytes, kept: int, single: int) -> None:
        address = urlsplit(url)
        self._place = (address.hostname or "", address.port or 0)
        self._request = request
        self._kinds = [True] * kept + [False] * single
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._ask()), name="load")
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def callers(self) -> int:
        return len(self._kinds)

    @property
    def answered(self) -> int:
        return self.counts["answered"]

    @property
    def broken(self) -> dict[str, int]:
        """The requests that should have been answered."""
        return {what: self.counts[what] for what in ("reset", "failed") if self.counts[what]}

    async def _ask(self) -> None:
        await asyncio.gather(*(self._keep_asking(is_kept=is_kept) for is_kept in self._kinds))

    async def _keep_asking(self, *, is_kept: bool) -> None:
        while not self._is_over.is_set():
            try:
                reader, writer = await asyncio.open_connection(*self._place)
            except OSError:
                self.counts["refused"] += 1
                await asyncio.sleep(PAUSE_S)
                continue
            with contextlib.closing(writer):
                may_ask = True
                while may_ask and not self._is_over.is_set():
                    may_ask = await self._asks(reader, writer) and is_kept
                    await asyncio.sleep(PAUSE_S)

    async def _asks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether its connection may be used again."""
        try:
            writer.write(self._request)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
            await reader.readexactly(length_of(head))
        except (OSError, EOFError):
            self.counts["reset"] += 1
            return False
        self.counts["failed" if head.split()[1] >= b"500" else "answered"] += 1
        return b"\r\nconnection: close\r\n" not in head.lower()


def length_of(head: bytes) -> int:
    found = re.search(rb"content-length: (\d+)", head.lower())
    return int(found[1]) if found else 0


@contextlib.contextmanager
def load(url: str, *, request: bytes = POLL, kept: int = 10, single: int = 10) -> Iterator[Load]:
    """So many callers who keep their connections, and so many with one connection a request, for the block."""
    with Load(url, request=request, kept=kept, single=single) as asking:
        yield asking
