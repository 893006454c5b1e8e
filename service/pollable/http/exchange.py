"""One request and its answer: uvicorn's, whose answer goes out at once where all of it is known."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

LARGE = 65_536
"""A body with more bytes is not copied behind its head."""


class Exchange(RequestResponseCycle):
    """Waits with the head for the first of the body, as ASGI demands ("Response Start"): mostly that is all there is.

    Then both are one write, and the head is looked through as a whole. uvicorn sends all else: a stream, what is large,
    the last answer of a connection, the answer to a HEAD. Its access log, which is off, would tell of these alone.
    """

    _start: Any = None

    async def send(self, message: Any) -> None:
        """Raises what uvicorn's raises."""
        if message["type"] == "http.response.start" and not self.response_started:
            # Nothing has gone out: who begins anew (the 500 of an application that failed since) may.
            self._start, self.waiting_for_100_continue = message, False
            return
        start, self._start = self._start, None
        whole = None if start is None else self._whole(start, message)
        if whole is None:
            for part in (message,) if start is None else (start, message):
                await super().send(part)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        self.transport.write(whole)
        self.message_event.set()
        self.on_response()

    def _whole(self, start: Any, message: Any) -> bytes | None:
        """Head and body; None where that is not all, or not all in order."""
        body: bytes = message.get("body", b"")
        if message.get("more_body") or len(body) > LARGE or not self.keep_alive or self.scope["method"] == "HEAD":
            return None
        headers = [*self.default_headers, *start["headers"]]
        has_length = (b"content-length", b"%d" % len(body)) in headers
        if not has_length and (body or start["status"] not in (204, 304)):
            return None
        head = STATUS_LINE[start["status"]] + b"".join([b"%b: %b\r\n" % header for header in headers])
        # What a value may not have (RFC 9110, section 5.5), and what says how the connection goes on.
        is_sound = head.count(b"\r") == head.count(b"\n") == len(headers) + 1 and b"\0" not in head
        if not is_sound or b"\r\nconnection:" in head or b"\r\ntransfer-encoding:" in head:
            return None
        return head + b"\r\n" + body
