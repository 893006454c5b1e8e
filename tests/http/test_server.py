"""On uvicorn and real sockets: what an early refusal leaves of the connection."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from pollable.app import create_app
from pollable.server import options
from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, catalog_of

LIMIT = 4096


@pytest.fixture
def address(redis_url: str) -> Iterator[tuple[str, int]]:
    settings = Settings(redis_url=redis_url, port=0, auth="none", max_body_bytes=LIMIT)
    app = create_app(settings, catalog=catalog_of(*JOB_TYPES))
    server = uvicorn.Server(uvicorn.Config(app, **{**options(settings), "loop": "asyncio"}))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    yield host, port
    server.should_exit = True
    thread.join(timeout=10)


class Connection:
    """One connection, byte by byte."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=10)
        self._received = b""

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        length = int(headers.get(b"content-length", 0))
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        return int(status.split()[1]), headers, body

    def is_closed(self) -> bool:
        return self._socket.recv(1) == b""

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        data = self._socket.recv(65536)
        assert data, "the server closed the connection"
        self._received += data


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[Connection]:
    opened = Connection(address)
    yield opened
    opened.close()


POST = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /jobs/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_large_body_is_refused_in_the_last_answer_of_its_connection(connection: Connection) -> None:
    connection.send(POST + b"Content-Length: 1000000\r\n\r\n")
    connection.send(b"a" * 1_000_000)
    status, headers, body = connection.answer()
    assert (status, json.loads(body)["code"], headers[b"connection"]) == (413, "payload_too_large", b"close")
    connection.send(GET)
    assert connection.is_closed()


def test_a_chunked_body_is_refused_before_it_has_all_come(connection: Connection) -> None:
    connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"400\r\n" + b"a" * 1024 + b"\r\n"
    connection.send(chunk * 5)
    status, headers, _ = connection.answer()
    assert (status, headers[b"connection"]) == (413, b"close")
    connection.send(chunk * 2000 + b"0\r\n\r\n" + GET)
    assert connection.is_closed()


def test_who_waits_for_a_go_ahead_is_refused_and_hung_up_on(connection: Connection) -> None:
    connection.send(POST + b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
    status, headers, _ = connection.answer()
    assert (status, headers[b"connection"]) == (413, b"close")
    assert connection.is_closed()


def test_a_body_that_never_ends_is_nobodys_job(connection: Connection, address: tuple[str, int]) -> None:
    connection.send(POST + b'Content-Length: 100\r\n\r\n{"type":')
    connection.close()
    other = Connection(address)
    other.send(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert json.loads(other.answer()[2])["jobs"] == []
    other.close()


def test_polls_share_a_connection(connection: Connection) -> None:
    body = b'{"type":"anything","payload":[1]}'
    connection.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    status, headers, _ = connection.answer()
    assert status == 202
    for _ in range(3):
        connection.send(b"GET " + headers[b"location"] + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.answer()[0] == 200
