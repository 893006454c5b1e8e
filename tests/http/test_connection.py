"""What a connection may send before its request is complete, and how long it may take."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pollable.settings.limits import Limits
from tests.http.wire import HEAD_S, LARGE, Recorder, answer, heard, serving

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
HEAD_BYTES = Limits().head_bytes


@pytest.fixture(scope="module")
def app() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def port(app: Recorder) -> Iterator[int]:
    with serving(app) as port:
        yield port


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
        pytest.param([POST + b"Content-Length: 99999\r\n\r\n" + b"a" * 99_999], id="a body is no head"),
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
    chunks = [POST + b"Content-Length: 40\r\n\r\n", *[b"a" * 10] * 4]
    received, closed = answer(port, *chunks, pause_s=HEAD_S / 2)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert not closed


def test_an_idle_connection_is_kept_after_its_answer(port: int) -> None:
    _, closed = answer(port, HEAD + b"\r\n", quiet_s=2 * HEAD_S)
    assert not closed


def test_nonsense_is_answered_400(port: int) -> None:
    received, closed = answer(port, b"NONSENSE\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert closed


def get(path: str) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode()


def test_trailers_are_dropped(port: int, app: Recorder) -> None:
    app.asked.clear()
    trailers = b"Authorization: Bearer other\r\nX-Forwarded-For: 1.2.3.4\r\nHost: elsewhere\r\nExpect: 100-continue\r\n"
    received, _ = answer(port, CHUNKED + trailers + b"\r\n" + get("/next"), quiet_s=0.2)
    assert received.count(b"HTTP/1.1 200 ") == 2
    assert [(path, set(headers)) for path, headers in app.asked] == [
        ("/", {b"host", b"transfer-encoding"}),
        ("/next", {b"host"}),
    ]
    assert app.asked[0][1][b"host"] == b"localhost"


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([CHUNKED + b"X: " + b"a" * 100_000 + b"\r\n\r\n"], id="one trailer"),
        pytest.param([CHUNKED, *[b"X: " + b"a" * 4096 + b"\r\n"] * 9], id="many trailers"),
        pytest.param([CHUNKED[:-6], b"1;" + b"a" * 2 * HEAD_BYTES], id="a chunk's extension"),
        pytest.param([CHUNKED[:-6], b"0" * 2 * HEAD_BYTES], id="a chunk's size"),
    ],
)
def test_what_surrounds_a_body_is_bounded(port: int, chunks: list[bytes]) -> None:
    received, closed = answer(port, *chunks, pause_s=0.01)
    assert closed
    assert received[:13] in (b"HTTP/1.1 431 ", b"HTTP/1.1 400 ", b"")


def test_a_body_in_chunks_of_one_byte_is_answered(port: int) -> None:
    received, _ = answer(port, CHUNKED[:-3] + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n", quiet_s=1)
    assert received.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        pytest.param([POST + b"Content-Length: 100\r\n\r\n"], "body_too_slow", id="no body"),
        pytest.param([POST + b"Content-Length: 100\r\n\r\n", *[b"a"] * 9], "body_too_slow", id="a body in drips"),
        pytest.param([CHUNKED, *[b"X: a\r\n"] * 9], "body_too_slow", id="trailers in drips"),
        pytest.param([POST + b"Content-Length: 999\r\n\r\n", *[b"a" * 12] * 30], "body_too_slow", id="without end"),
        pytest.param([HEAD.replace(b"/ ", b"/unread ") + b"Content-Length: 9\r\n\r\n"], "body_too_slow", id="unread"),
        pytest.param([get("/slow"), HEAD], "head_too_slow", id="a head behind a request"),
    ],
)
def test_a_message_that_does_not_end_in_time_is_answered_408(port: int, chunks: list[bytes], code: str) -> None:
    begun = time.monotonic()
    received, closed = answer(port, *chunks, pause_s=0.1 if len(chunks) > 2 else 0, quiet_s=2)
    assert closed
    assert time.monotonic() - begun < 4
    last = received[received.rindex(b"HTTP/1.1 ") :]
    head, _, body = last.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close" in head
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["code"] == code


def test_a_body_that_nobody_waits_for_any_more_has_the_same_end(port: int) -> None:
    # The application answered without it.
    received, closed = answer(port, get("/")[:-2] + b"Content-Length: 9\r\n\r\n", quiet_s=2)
    assert closed
    assert received.count(b"HTTP/1.1 ") == 1


def test_who_does_not_read_is_hung_up_on(port: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.settimeout(1)
        client.sendall(get("/large"))
        time.sleep(1.3)
        received, closed = heard(client)
    assert closed
    assert len(received) < len(LARGE)


def test_who_reads_slowly_gets_everything(port: int) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(get("/large")[:-2] + b"Connection: close\r\n\r\n")
        received = 0
        begun = time.monotonic()
        while more := client.recv(200_000):
            received += len(more)
            if time.monotonic() - begun < 1.2:
                time.sleep(0.1)
    assert received > len(LARGE)


def test_pipelined_requests_wait_unread(port: int, app: Recorder) -> None:
    app.asked.clear()
    with socket.create_connection(("127.0.0.1", port), timeout=0.4) as client:
        client.setblocking(False)
        client.send(get("/long"))
        sent = 0
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                sent += client.send(get("/other") * 1000)
            except BlockingIOError:
                time.sleep(0.01)
        # The kernel holds the rest: it takes no more.
        assert sent < 8_000_000
        assert app.paths == ["/long"]


def test_pipelines_of_quick_requests_hold_up_nobody(port: int) -> None:
    # Three and more stand in what is parsed at once; nothing of the answers is read.
    flood, is_over = get("/quick") * 5000, threading.Event()

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=0.1) as flooding, contextlib.suppress(OSError):
            while not is_over.is_set():
                flooding.send(flood)

    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        began_at = time.monotonic()
        received, _ = answer(port, get("/other"), quiet_s=1.5)
        took_s = time.monotonic() - began_at
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert received.startswith(b"HTTP/1.1 200 ")
    assert took_s < 3


def test_pipelined_requests_are_all_answered_in_order(port: int, app: Recorder) -> None:
    app.asked.clear()
    paths = ["/slow", *[f"/{number}" for number in range(300)]]
    received, closed = answer(port, b"".join(map(get, paths)))
    assert app.paths == paths
    assert received.count(b"HTTP/1.1 200 ") == len(paths)
    assert not closed


def test_a_refusal_waits_for_the_answers_before_it(port: int, app: Recorder) -> None:
    app.asked.clear()
    received, closed = answer(port, get("/slow") + get("/two") + b"NONSENSE\r\n\r\n" + get("/three"))
    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"200", b"200", b"400"]
    assert app.paths == ["/slow", "/two"]
    assert closed


def test_who_leaves_is_missed_also_with_a_request_behind(port: int, app: Recorder) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(get("/long") + HEAD)
    deadline = time.monotonic() + 5
    while app.ended != ["/long"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [b"", get("/"), get("/") + get("/next")], ids=["nothing", "a request", "two requests"])
def test_a_quiet_connection_is_closed_without_a_word(
    app: Recorder, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    with serving(app, keep_alive_s=0.2) as port:
        _, closed = answer(port, sent, quiet_s=5 * HEAD_S)
    assert closed
    assert caplog.records == []
