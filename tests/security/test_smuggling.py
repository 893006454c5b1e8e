"""Requests that two servers could read in two ways are refused, and nothing of them is done."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.http.wire import Recorder, answer, serving

HOST = b"Host: localhost\r\n"
GET, POST = b"GET / HTTP/1.1\r\n" + HOST, b"POST / HTTP/1.1\r\n" + HOST
END = b"\r\n"
SMUGGLED = b"POST /smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
BODY = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)


@pytest.fixture(scope="module")
def app() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def port(app: Recorder) -> Iterator[int]:
    with serving(app) as port:
        yield port


AMBIGUOUS = {
    "5,000 digits": POST + b"Content-Length: " + b"9" * 5000 + END * 2,
    "5,000 digits, most of them zero": POST + b"Content-Length: " + b"0" * 5000 + b"5" + END * 2 + b"hello",
    "a plus": POST + b"Content-Length: +5" + END * 2 + b"hello",
    "a minus": POST + b"Content-Length: -5" + END * 2 + b"hello",
    "a space inside": POST + b"Content-Length: 5 5" + END * 2 + b"hello",
    "a space before the colon": POST + b"Content-Length : 5" + END * 2 + b"hello",
    "hexadecimal": POST + b"Content-Length: 0x5" + END * 2 + b"hello",
    "a list of lengths": POST + b"Content-Length: 5, 5" + END * 2 + b"hello",
    "no length": POST + b"Content-Length:" + END * 2,
    "the length twice": POST + b"Content-Length: 5\r\n" * 2 + END + b"hello",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n" + END + b"hello",
    "length, then chunked": POST + b"Content-Length: 5\r\n" + CHUNKED + END + BODY,
    "chunked, then length": POST + CHUNKED + b"Content-Length: 5\r\n" + END + BODY,
    "chunked twice": POST + CHUNKED * 2 + END + BODY,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + BODY,
    "a coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + BODY,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + SMUGGLED,
    "chunked is not the last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + BODY,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: elsewhere\r\n\r\n",
    "the host twice": GET + HOST + END,
    "two hosts in 1.0": b"GET / HTTP/1.0\r\n" + HOST * 2 + END,
    "two tokens": GET + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "the token twice": GET + b"Authorization: Bearer a\r\nauthorization: Bearer a\r\n\r\n",
    "upgrade with a length": POST + UPGRADE + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "upgrade with chunks": POST + UPGRADE + CHUNKED + END + BODY,
    "a folded header": GET + b"X: a\r\n b\r\n\r\n",
    "a lone line feed": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "a lone carriage return": GET + b"X: a\rSmuggled: b\r\n\r\n",
    "a zero byte": GET + b"X: a\0b\r\n\r\n",
    "a space before a header": b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + HOST + END,
    "HTTP/0.9": b"GET / HTTP/0.9\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n" + HOST + END,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "connect": b"CONNECT elsewhere:80 HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
}
BROKEN_BODIES = {
    "a chunk's size that overflows": POST + CHUNKED + END + b"f" * 17 + END + BODY,
    "a chunk's size with a space": POST + CHUNKED + END + b"5 \r\nhello\r\n0\r\n\r\n",
    "a chunk's size that ends in LF": POST + CHUNKED + END + b"5\nhello\r\n0\r\n\r\n",
    "a negative chunk": POST + CHUNKED + END + b"-1\r\n" + BODY,
    "an extension that ends in LF": POST + CHUNKED + END + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "a length as a trailer": POST + CHUNKED + END + b"0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("name", [*AMBIGUOUS, *BROKEN_BODIES])
def test_what_can_be_read_in_two_ways_is_answered_400(port: int, app: Recorder, name: str) -> None:
    app.asked.clear()
    received, closed = answer(port, (AMBIGUOUS | BROKEN_BODIES)[name] + SMUGGLED)
    assert closed
    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"400"]
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["code"] == "malformed_request"
    # A body that breaks off is known as such to the application, which has begun.
    assert app.paths == ([] if name in AMBIGUOUS else ["/"])


def test_the_second_request_of_a_body_in_two_packets_is_none(port: int, app: Recorder) -> None:
    app.asked.clear()
    received, closed = answer(port, POST + UPGRADE + b"Content-Length: 99\r\n\r\n", SMUGGLED, pause_s=0.1)
    assert (received[:13], closed) == (b"HTTP/1.1 400 ", True)
    assert app.paths == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(POST + b"Content-Length:  5 \t\r\n\r\nhello", id="white space around a length"),
        pytest.param(POST + b"transfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", id="in other letters"),
        pytest.param(GET + UPGRADE + END, id="an upgrade that is declined"),
        pytest.param(GET + b"Authorization: Bearer a\r\n\r\n", id="one token"),
    ],
)
def test_what_is_clear_is_answered_and_so_is_what_follows(port: int, app: Recorder, request_: bytes) -> None:
    # The control: a request that does follow is done.
    app.asked.clear()
    received, _ = answer(port, request_ + SMUGGLED, quiet_s=0.2)
    assert received.count(b"HTTP/1.1 200 ") == 2
    assert app.paths == ["/", "/smuggled"]


def test_http_1_0_needs_no_host(port: int) -> None:
    received, closed = answer(port, b"GET / HTTP/1.0\r\n\r\n")
    assert (received[:13], closed) == (b"HTTP/1.1 200 ", True)
