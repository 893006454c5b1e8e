"""What a connection may send before its request is complete."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import uvicorn

from pollable.http import connection
from pollable.http.connection import HEAD_BYTES, BoundedProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HEAD_S = 0.5


async def hello(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """Reads the body, answers 200."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connection, "HEAD_S", HEAD_S)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(hello, http=BoundedProtocol, lifespan="off", log_config=None, timeout_keep_alive=30)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def answer(port: int, *chunks: bytes, pause_s: float = 0.0, quiet_s: float = 3 * HEAD_S) -> tuple[bytes, bool]:
    """What comes back, and whether the server closed the connection; it has `quiet_s` to say something more."""
    with socket.create_connection(("127.0.0.1", port), timeout=quiet_s) as client:
        with contextlib.suppress(ConnectionError):
            for chunk in chunks:
                client.sendall(chunk)
                time.sleep(pause_s)
        received = b""
        try:
            while more := client.recv(65_536):
                received += more
        except TimeoutError:
            return received, False
        return received, True


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([HEAD + b"X: " + b"a" * HEAD_BYTES + b"\r\n\r\n"], id="one header, complete"),
        pytest.param([HEAD + b"X: " + b"a" * HEAD_BYTES], id="one header that never ends"),
        pytest.param([HEAD, *[b"X: " + b"a" * 4096 + b"\r\n"] * 9], id="many headers"),
        pytest.param([b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n"], id="a path"),
    ],
)
def test_a_head_of_more_than_32_kb_is_answered_431(port: int, chunks: list[bytes]) -> None:
    received, closed = answer(port, *chunks, pause_s=0.01)
    assert received.startswith(b"HTTP/1.1 431 ")
    assert closed


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([HEAD + b"X: " + b"a" * (HEAD_BYTES - 1000) + b"\r\n\r\n"], id="a head just below the limit"),
        pytest.param([b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + b"a" * 99_999], id="a body is no head"),
        pytest.param([HEAD[:9], HEAD[9:], b"\r\n"], id="a head in pieces"),
    ],
)
def test_what_keeps_to_the_limits_is_answered(port: int, chunks: list[bytes]) -> None:
    received, closed = answer(port, *chunks, pause_s=0.01)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"ok")
    assert not closed


def test_pipelined_requests_are_counted_one_by_one(port: int) -> None:
    request = HEAD + b"X: " + b"a" * (HEAD_BYTES // 2) + b"\r\n\r\n"
    received, _ = answer(port, request * 4)
    assert received.count(b"HTTP/1.1 200 ") == 4


def test_a_head_that_does_not_end_in_time_is_answered_408(port: int) -> None:
    received, closed = answer(port, *[bytes([byte]) for byte in HEAD], pause_s=0.05)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert closed


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([], id="nothing at all"),
        pytest.param([b"\r\n"] * 4, id="empty lines"),
        pytest.param([HEAD + b"\r\n", *[b"\r\n"] * 4], id="empty lines after an answer"),
    ],
)
def test_a_connection_that_sends_no_request_is_closed(port: int, chunks: list[bytes]) -> None:
    _, closed = answer(port, *chunks, pause_s=0.1)
    assert closed


def test_a_slow_body_is_not_a_slow_head(port: int) -> None:
    chunks = [b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n", b"a", b"b", b"c", b"d"]
    received, closed = answer(port, *chunks, pause_s=HEAD_S / 2)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert not closed


def test_an_idle_connection_is_kept_after_its_answer(port: int) -> None:
    _, closed = answer(port, HEAD + b"\r\n", quiet_s=3 * HEAD_S)
    assert not closed


def test_nonsense_is_answered_400(port: int) -> None:
    received, closed = answer(port, b"NONSENSE\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert closed
