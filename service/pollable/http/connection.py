"""One HTTP connection: uvicorn's, with bounds on what a client may send, and on its time to send and to read."""

import asyncio
import contextlib
import fcntl
import sys
import termios
from types import SimpleNamespace
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pollable.http.exchange import Exchange
from pollable.http.heads import Refusal, encoded, fault_of, late, malformed, too_large
from pollable.http.room import Room
from pollable.settings.limits import Limits

DEFAULTS = Limits()
PIECE = 1_024
"""So much is parsed at once: requests of so many bytes at most wait behind another."""
BODY_PIECE = 16_384
"""And so much of a body whose length is known: less than what may surround one. A connection whose request has more is
closed where the answer does not wait for it."""
PAUSE_S = 0.02
"""Between two reads of what is only passed over."""
BYTES_AROUND_ONE = 16
"""What a chunk may have of size and line ends for each byte of body, beside what it may have anyway."""
FULL = Refusal(503, "Service Unavailable", "too_many_connections", "There are as many connections as there may be.")


class Flow(FlowControl):
    """Reads no further while a request waits behind another, whoever asks for more."""

    is_held = False

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class BoundedProtocol(HttpToolsProtocol):
    """Refuses, and then closes: a head or trailers that are too large (431), what does not come in time (408), what can
    be read in two ways (400), and one connection too many (503).

    httptools bounds nothing, and takes a trailer for a header. Without a `room` there may be any number of connections.
    """

    flow: Flow
    _used: Any

    def __init__(self, *args: Any, limits: Limits = DEFAULTS, room: Room | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._room = room or Room(limits.connections)
        # The parts of a message; both are false before and after one.
        self._is_in_head = self._is_in_body = False
        self._overhead = 0  # Bytes of the head; those around the body.
        self._body_bytes = 0  # Since the last look.
        self._body_left = 0  # Where the head says it.
        self._body_until = 0.0
        self._unread = 0
        self._rest = b""
        self._running: RequestResponseCycle | None = None
        self._refusal: Refusal | None = None
        self._is_last = self._is_kept = self._is_lingering = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        super().connection_made(transport)
        self.flow = Flow(transport)
        # All that an exchange uses of it.
        self._used = SimpleNamespace(write=transport.write, is_closing=transport.is_closing, close=self._close)
        if self._room.enter(self):
            self._watch()
        else:
            self._refuse(FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.leave(self)
        self._forsake()
        super().connection_lost(exc)
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            self.flow.pause_reading()
            self.loop.call_later(PAUSE_S, self.flow.resume_reading)
            return
        self._room.stir(self)
        self._rest = self._rest + data if self._rest else data
        self._parse()

    def _parse(self) -> None:
        """As far as to the first request that waits behind another."""
        if self._rest:
            self._unset_keepalive_if_required()
            view, at = memoryview(self._rest), 0
            while at < len(view) and not self.pipeline and self._refusal is None and not self.transport.is_closing():
                at += self._parse_piece(view[at : at + max(PIECE, min(BODY_PIECE, self._body_left))])
            self._rest = bytes(view[at:])
        self.flow.is_held = bool(self.pipeline) or self._refusal is not None
        if self.flow.is_held:
            self.flow.pause_reading()
        self._watch()

    def _parse_piece(self, piece: memoryview) -> int:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as declined:
            # Who does not switch goes on in HTTP/1.1 (RFC 9110, section 7.8).
            return int(declined.args[0])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, Refusal) else malformed())
        if self._is_in_head or self._is_in_body:
            self._overhead += len(piece)
            if self._overhead >= self._limits.head_bytes:
                self._refuse(too_large(self._limits.head_bytes))
        return len(piece)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._overhead = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after the body are trailers: nobody asked for any (RFC 9110, section 6.5.1).
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version, upgrades = self.parser.get_http_version(), self.parser.should_upgrade()
        if fault := fault_of(self.headers, version=version, upgrades=upgrades):
            raise malformed(fault)
        super().on_headers_complete()
        self._is_in_head, self._is_in_body, self._overhead, self._body_bytes = False, True, 0, 0
        self._body_until = self.loop.time() + self._limits.body_s
        self._stop_timer()
        fields = dict(self.headers)
        self._body_left = int(fields.get(b"content-length", 0))
        is_long = self._body_left > BODY_PIECE or b"transfer-encoding" in fields
        self._is_kept = self.cycle.keep_alive
        self.cycle.keep_alive = self._is_kept and not (is_long or self._is_last)
        # uvicorn names the class itself.
        self.cycle.__class__, self.cycle.transport = Exchange, self._used

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_left -= len(body)
        self._overhead = max(0, self._overhead - BYTES_AROUND_ONE * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_body = False
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._is_kept and not self._is_last
        super().on_message_complete()
        self._stop_timer()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        if self._is_lingering:
            return
        waits = bool(self.pipeline)
        super().on_response_complete()
        if self.transport.is_closing() or (self._refusal is not None and not waits):
            self._end()
        else:
            self._parse()
            self.flow.resume_reading()
            if not self._is_busy() and not self._is_in_head:
                self._room.rest(self)

    def shutdown(self) -> None:
        """Close the connection, or once the request is answered that has come, or of which a part of the head has."""
        self._is_last = True
        if not self._is_in_head:
            super().shutdown()

    def _close(self) -> None:
        """At once, or where a client still sends its body so that it reads its answer first (RFC 9112, section 9.6)."""
        if not (self._is_in_body and self.cycle.response_complete):
            return self.transport.close()
        self._is_in_body, self._is_lingering = False, True
        self.transport.write_eof()
        self.flow.resume_reading()
        self._room.rest(self)
        return self._watch(anew=True)

    def give_way(self) -> None:
        """Close; nothing is being answered."""
        self.transport.close()
        self.pause_writing()

    timeout_keep_alive_handler = give_way

    def pause_writing(self) -> None:
        """Something waits to be read; uvicorn's hook."""
        super().pause_writing()
        self._unread = self._bytes_unread()
        self._watch(anew=True)

    def resume_writing(self) -> None:
        """All has been read; uvicorn's hook."""
        super().resume_writing()
        self._watch(anew=True)

    def _bytes_unread(self) -> int:
        unread = self.transport.get_write_buffer_size()
        # The kernel's share, megabytes; not every kernel says, and none of a socket that is closed.
        with contextlib.suppress(OSError, ValueError):
            outside = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            unread += int.from_bytes(outside, sys.byteorder)
        return unread

    def _is_busy(self) -> bool:
        return self._running is not None and not (self._running.response_complete or self._running.disconnected)

    def _watch(self, *, anew: bool = False) -> None:
        """While the client is to read something, or to send it and is let: look in a while."""
        is_sending = self._is_in_head or self._is_in_body
        is_silent = not self._is_busy() and self.timeout_keep_alive_task is None
        is_awaited = self.flow.write_paused or ((is_sending or is_silent) and not self.flow.is_held)
        if anew or not is_awaited:
            self._stop_timer()
        if self._timer is None and is_awaited:
            seconds = self._limits.unread_s if self.flow.write_paused else self._limits.head_s
            self._timer = self.loop.call_later(seconds, self._look)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer, limits = None, self._limits
        # What the application does not take yet cannot come.
        is_fast = self.flow.read_paused or self._body_bytes >= limits.body_rate * limits.head_s
        if self.flow.write_paused:
            before, self._unread = self._unread, self._bytes_unread()
            if self._unread >= before:
                return self.transport.abort()
        elif self._is_in_head:
            self._refuse(late("head_too_slow", f"The head of a request must arrive within {limits.head_s:g} s."))
        elif not self._is_in_body:
            self.give_way()
        elif not is_fast or self.loop.time() >= self._body_until:
            rate = f"{limits.body_rate} bytes a second, and all of it within {limits.body_s:g} s"
            self._refuse(late("body_too_slow", f"The body of a request must arrive with {rate}."))
        self._body_bytes = 0
        return self._watch()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer so, once those are answered that came before; nothing is read any more."""
        if self._refusal is not None or self.transport.is_closing():
            return
        self._refusal, self.flow.is_held = refusal, True
        self.flow.pause_reading()
        if self._is_in_body and self.pipeline:
            self.pipeline.popleft()
            self._is_in_body = False
        elif self._is_in_body:
            self._forsake()
        if not self._is_busy():
            self._end()

    def _forsake(self) -> None:
        # uvicorn tells the newest request alone.
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def _end(self) -> None:
        # Whose answer has begun gets no other.
        if self._refusal is not None and not (self._is_in_body and self._running and self._running.response_started):
            self.transport.write(encoded(self._refusal))
        self.give_way()
