"""What an answer is on the wire: byte for byte what uvicorn alone makes of it."""

import asyncio
import re
import socket
import threading
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from pollable.http.exchange import LARGE
from tests.http.wire import heard, serving

JSON = (b"content-type", b"application/json")


def length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


A_LOT = b"a" * (LARGE + 1)
ANSWERS: dict[str, list[dict[str, Any]]] = {
    "whole": [start(200, JSON, length(b"{}")), body(b"{}")],
    "empty": [start(200, length(b"")), body()],
    "without a body": [start(200, length(b"")), {"type": "http.response.body"}],
    "nothing": [start(204), body()],
    "known": [start(304, (b"etag", b'"a"')), body()],
    "refused": [start(429, JSON, (b"retry-after", b"1"), length(b"no")), body(b"no")],
    "many headers": [start(200, *[(b"x-%d" % at, b"\xfc" * at) for at in range(40)], length(b"ok")), body(b"ok")],
    "large": [start(200, length(A_LOT)), body(A_LOT)],
    "at the limit": [start(200, length(A_LOT[1:])), body(A_LOT[1:])],
    "chunks": [start(200, JSON), body(b"one", more=True), body(b"two", more=True), body()],
    "a chunk": [start(200, JSON), body(b"one")],
    "parts of a known length": [start(200, length(b"onetwo")), body(b"one", more=True), body(b"two")],
    "last": [start(200, length(b"ok"), (b"connection", b"close")), body(b"ok")],
    "chunked by itself": [start(200, (b"transfer-encoding", b"chunked")), body(b"ok")],
    "capitals": [start(200, (b"Content-Length", b"2")), body(b"ok")],
    "a tab": [start(200, (b"x-tab", b"a\tb"), length(b"ok")), body(b"ok")],
    # What cannot be sent, and what becomes of it.
    "too short": [start(200, (b"content-length", b"3")), body(b"ok")],
    "too long": [start(200, (b"content-length", b"1")), body(b"ok")],
    "split": [start(200, (b"x-split", b"a\r\nset-cookie: b"), length(b"ok")), body(b"ok")],
    "split by a line feed": [start(200, (b"x-split", b"a\nset-cookie: b"), length(b"ok")), body(b"ok")],
    "a NUL": [start(200, (b"x-nul", b"a\0b"), length(b"ok")), body(b"ok")],
    "a name of two lines": [start(200, (b"x\r\ny", b"a"), length(b"ok")), body(b"ok")],
    "no start": [body(b"ok")],
    "no body": [start(200, length(b"ok"))],
    "two starts": [start(200, length(b"ok")), start(200, length(b"ok")), body(b"ok")],
    "two ends": [start(200, length(b"ok")), body(b"ok"), body(b"ok")],
}
LATE = {"no body", "two starts"}
"""uvicorn has sent the head when it finds out, and can only hang up; of two starts the last counts here."""
QUICK = ("whole", "empty", "without a body", "nothing", "known", "refused", "many headers", "at the limit", "a tab")


go_on = threading.Event()


async def answering(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ARG001 - ASGI's
    if scope["path"] == "/stream":
        await send(start(200, JSON))
        await send(body(b"one", more=True))
        await asyncio.to_thread(go_on.wait, 10)
        await send(body(b"two"))
        return
    for message in ANSWERS[scope["path"].removeprefix("/").replace("-", " ")]:
        await send(message)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(answering) as port:
        yield port


@pytest.fixture(scope="module")
def uvicorns_port() -> Iterator[int]:
    """Of a server that is uvicorn's alone."""
    with serving(answering, http=HttpToolsProtocol) as port:
        yield port


def told(port: int, request: bytes) -> tuple[bytes, bool]:
    """The answer without its date, and whether the connection was closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
        client.sendall(request)
        received, is_closed = heard(client)
    return re.sub(rb"(date|server): [^\r]+\r\n", b"", received), is_closed


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in LATE])
def test_an_answer_is_as_uvicorn_sends_it(
    port: int, uvicorns_port: int, name: str, method: bytes, version: bytes
) -> None:
    line = b"%b /%b HTTP/%b\r\n" % (method, name.replace(" ", "-").encode(), version)
    # The second comes on the same connection, where that goes on.
    request = line + b"Host: localhost\r\n\r\n" + line + b"Host: localhost\r\nConnection: close\r\n\r\n"
    ours, theirs = told(port, request), told(uvicorns_port, request)
    assert ours == theirs
    assert ours[1]


@pytest.mark.parametrize("name", QUICK)
def test_what_is_known_as_a_whole_is_sent_without_uvicorn(
    port: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("uvicorn sends it")

    monkeypatch.setattr(RequestResponseCycle, "send", never)
    received, is_closed = told(port, b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % name.replace(" ", "-").encode())
    assert received.startswith(b"HTTP/1.1 %d " % ANSWERS[name][0]["status"])
    assert not is_closed


def test_nothing_is_sent_of_an_answer_that_breaks_off_before_its_body(port: int) -> None:
    """As ASGI has it; so there is still time to say that it failed."""
    line = b"GET /no-body HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert told(port, line)[0].startswith(b"HTTP/1.1 500 ")


def test_a_stream_begins_before_its_end_is_there(port: int) -> None:
    go_on.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while b"one" not in received:
            received += client.recv(65_536)
        assert b"two" not in received
        go_on.set()
        assert heard(client)[0].endswith(b"3\r\ntwo\r\n0\r\n\r\n")
