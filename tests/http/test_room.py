"""One connection more than there is room for, and which of them gives way."""

import logging
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
import pytest

from tests.http.wire import LIMITS, Recorder, heard, serving

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connections(stack: ExitStack, port: int) -> Callable[[bytes], socket.socket]:
    def connected(sent: bytes) -> socket.socket:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.15))
        client.sendall(sent)
        return client

    return connected


def test_the_oldest_idle_connection_gives_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "pollable.http")
    limits = msgspec.structs.replace(LIMITS, connections=3)
    with serving(Recorder(), limits) as port, ExitStack() as stack:
        connected = connections(stack, port)
        busy = connected(GET.replace(b"/ ", b"/long ", 1))
        older, newer = connected(GET), connected(GET)
        assert [heard(client)[1] for client in (older, newer)] == [False, False]
        for _ in range(2):
            assert heard(connected(GET))[0].startswith(b"HTTP/1.1 200 ")
        assert heard(older) == (b"", True)
        assert heard(newer) == (b"", True)
        assert heard(busy) == (b"", False)
    said = [record.getMessage() for record in caplog.records if "connections:" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("connections: all 3 are in use")


def test_where_all_are_busy_the_new_one_is_refused() -> None:
    limits = msgspec.structs.replace(LIMITS, connections=2)
    with serving(Recorder(), limits) as port, ExitStack() as stack:
        connected = connections(stack, port)
        busy = [connected(GET.replace(b"/ ", b"/long ", 1)) for _ in range(2)]
        assert [heard(client)[1] for client in busy] == [False, False]
        received, closed = heard(connected(b""))
        assert closed
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"too_many_connections"' in received
        # There is room again once one has gone.
        busy[0].close()
        deadline = time.monotonic() + 5
        while not heard(connected(GET))[0].startswith(b"HTTP/1.1 200 "):
            assert time.monotonic() < deadline
