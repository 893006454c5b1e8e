"""A body that is refused before it has come: the client reads why, and what it still sends costs nobody else."""

import contextlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pollable.envelopes.answer import problem
from pollable.errors import PayloadTooLarge
from pollable.http import body
from tests.http.wire import HEAD_S, answer, heard, serving

LIMIT = 262_144
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


async def reading(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """An application: 413 for what is larger than the limit, 401 at once on its path, else 200."""
    status, content = 200, b"{}"
    try:
        if scope["path"] == "/stranger":
            status = 401
        else:
            await body.read(receive, dict(scope["headers"]), max_bytes=LIMIT)
    except PayloadTooLarge as refusal:
        status, content = 413, problem(refusal).body
    headers = [(b"content-length", b"%d" % len(content)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(reading) as port:
        yield port


def by_curl(port: int, size: int, *, is_chunked: bool, file: Path) -> tuple[int, bytes]:
    file.write_bytes(b"a" * size)
    headers = ["-H", "Expect:", "-H", "Transfer-Encoding: chunked"] if is_chunked else ["-H", "Expect:"]
    command = ["curl", "-s", "-m", "20", "-w", "\n%{http_code}", *headers, "--data-binary", f"@{file}"]
    said = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, timeout=30).stdout
    content, _, status = said.rpartition(b"\n")
    return int(status), content


def by_httpx2(port: int, size: int, *, is_chunked: bool, file: Path) -> tuple[int, bytes]:  # noqa: ARG001 - As the other.
    pieces = (b"a" * 65_536 for _ in range(-(-size // 65_536)))
    answered = httpx2.post(f"http://127.0.0.1:{port}/", content=pieces if is_chunked else b"a" * size, timeout=20)
    return answered.status_code, answered.content


@pytest.mark.parametrize("size", [LIMIT + 1, 1_000_000, 10_000_000])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["its length said", "in chunks"])
@pytest.mark.parametrize("client", [by_curl, by_httpx2])
def test_a_client_reads_why(
    port: int, client: Callable[..., tuple[int, bytes]], size: int, is_chunked: bool, tmp_path: Path
) -> None:
    status, content = client(port, size, is_chunked=is_chunked, file=tmp_path / "body")
    assert (status, json.loads(content)["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(POST + b"Content-Length: 90000000\r\n\r\n", b"413", id="too large"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n55D4A80\r\n", b"413", id="too large, in one chunk"),
        pytest.param(POST.replace(b"/ ", b"/stranger ") + b"Content-Length: 90000000\r\n\r\n", b"401", id="nobody's"),
    ],
)
def test_what_comes_after_the_answer_is_taken_slowly_and_not_for_long(
    port: int, head: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        began_at, sent = time.monotonic(), 0
        client.sendall(head)
        with contextlib.suppress(ConnectionError):
            while sent < 90_000_000:
                sent += client.send(b"a" * 65_536)
        took_s = time.monotonic() - began_at
        received, closed = heard(client)
    assert received.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nconnection: close" in received
    assert closed
    # The service takes 256 kB each 20 ms at most; the kernels of both hold some megabytes.
    assert sent < 90_000_000
    assert took_s >= HEAD_S - 0.05
    assert caplog.records == []


def test_the_answer_is_said_to_be_the_last_before_it_is_all_sent(port: int) -> None:
    # Nothing of the body is there: its end is not waited for.
    received, closed = answer(port, POST + b"Content-Length: 300000\r\n\r\n", quiet_s=0.3)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close" in received
    assert closed


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        pytest.param("/", [b"a" * LIMIT], id="its length said"),
        pytest.param("/", [b"a" * 9_000] * 20, id="in chunks"),
        pytest.param("/stranger", [b"a" * 9_000], id="small, and not waited for"),
    ],
)
def test_a_connection_is_kept_where_the_body_is_small_or_was_read(port: int, path: str, sent: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    for _ in range(3):
        connection.request("POST", path, body=sent[0] if len(sent) == 1 else iter(sent))
        answered = connection.getresponse()
        answered.read()
        assert answered.getheader("connection") is None
    connection.close()


def test_who_leaves_meanwhile_leaves_nothing_behind(port: int, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(POST + b"Content-Length: 90000000\r\n\r\n" + b"a" * 1_000_000)
            client.recv(100)
    received, _ = answer(port, POST + b"Content-Length: 2\r\n\r\n{}", quiet_s=0.3)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert caplog.records == []
