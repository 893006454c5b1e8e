"""One HTTP connection: uvicorn's, with a limit on the size of a request's head and on the time that it takes."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 32_768
HEAD_S = 10.0
TOO_LARGE = f"The head of a request may have {HEAD_BYTES} bytes."
TOO_SLOW = f"The head of a request must arrive within {HEAD_S:g} s."


class HeadTooLargeError(Exception):
    """Raised inside the parser to end a request whose head has grown past `HEAD_BYTES`."""


class BoundedProtocol(HttpToolsProtocol):
    """Answers 431 to a head over 32 kB, and 408 to one that is not there within 10 s; both end the connection.

    httptools sets neither limit: it collects a header for as long as one is sent.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_is_open = False
        self._head_bytes = 0
        self._chunk_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._chunk_bytes = len(data)
        super().data_received(data)
        if self._head_is_open:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large", code="head_too_large", detail=TOO_LARGE)
        if self._head_is_open or self._is_between_requests():
            self._start_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_is_open = True

    def on_headers_complete(self) -> None:
        self._head_is_open = False
        self._stop_timer()
        # Both counts take in bytes of what else came in the same chunk, so only a suspicion is looked into.
        if self._head_bytes + self._chunk_bytes > HEAD_BYTES and self._size_of_head() > HEAD_BYTES:
            raise HeadTooLargeError
        self._head_bytes = 0
        super().on_headers_complete()
        if self._is_last:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection, or once the request is answered that has come, or of which a part of the head has."""
        self._is_last = True
        if not self._head_is_open:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's hook for when the parser gave up.
        if self.headers is not None and self._size_of_head() > HEAD_BYTES:
            self._refuse(431, "Request Header Fields Too Large", code="head_too_large", detail=TOO_LARGE)
        else:
            self._refuse(400, "Bad Request", code="malformed_request", detail="This is no HTTP/1.1 request.")

    def _size_of_head(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_timer(self) -> None:
        if self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if self._head_is_open:
            self._refuse(408, "Request Timeout", code="head_too_slow", detail=TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, status: int, title: str, *, code: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        kind = f"urn:pollable:problem:{code}"
        body = f'{{"type":"{kind}","title":"{title}","status":{status},"detail":"{detail}","code":"{code}"}}'
        head = (
            f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write((head + body).encode("ascii"))
        self.transport.close()
