"""Fetching an issuer's keys: what is asked, which answers count, and what is said where none does."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pollable import __version__
from pollable.auth.key_set import FIRST_FETCH_PAUSE_S
from pollable.errors import KeysUnavailable
from tests.auth.conftest import Clock
from tests.auth.fetching import CHUNKED, DOCUMENT, GOOD, Run, certificate_of, in_tls, keys_at, recovers
from tests.auth.rawserver import RawServer

LARGE = 10_000_000


def in_chunks(*parts: bytes) -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


WRONG: dict[str, bytes] = {
    "10 MB": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + DOCUMENT.ljust(LARGE),
    "10 MB of headers": GOOD.replace(b"Content-Type", b"X: y\r\n" * (LARGE // 6) + b"Content-Type"),
    "10 MB in a status line": GOOD.replace(b"OK", b"O" * LARGE),
    "10 MB without a length": b"HTTP/1.1 200 OK\r\n\r\n" + DOCUMENT.ljust(LARGE),
    "10 MB of chunks": in_chunks(DOCUMENT, *[b" "] * (LARGE // 6)),
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "half a body": GOOD[:-20],
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "another protocol from now on": b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" + DOCUMENT,
    "404": GOOD.replace(b"200 OK", b"404 No"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a redirect with the keys": GOOD.replace(b"200 OK", b"302 Found\r\nLocation: /keys"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_gives_no_keys_and_the_next_one_is_asked_for(
    server: RawServer, run: Run, name: str, clock_of: Callable[[str], Clock]
) -> None:
    clock = clock_of("pollable.auth.key_set")
    server.behaves = server.answering(WRONG[name])

    async def body() -> None:
        keys = keys_at(f"http://127.0.0.1:{server.port}/keys")
        with pytest.raises(KeysUnavailable):
            await keys.find("first", "RS256")
        server.behaves = server.answering(GOOD)
        clock.now_s += FIRST_FETCH_PAUSE_S
        assert await keys.find("first", "RS256") is not None

    run(body)


RIGHT: dict[str, bytes] = {
    "a length": GOOD,
    "chunks": in_chunks(DOCUMENT[:100], DOCUMENT[100:]),
    "the end of the connection": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DOCUMENT,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + DOCUMENT,
    "no reason": GOOD.replace(b"200 OK", b"200"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_may_say_where_it_ends_by(server: RawServer, run: Run, name: str) -> None:
    server.behaves = server.answering(RIGHT[name])
    run(lambda: recovers(keys_at(f"http://127.0.0.1:{server.port}/keys")))


def test_a_server_that_keeps_the_connection_open_is_not_waited_for(server: RawServer, run: Run) -> None:
    def behave(connection: socket.socket) -> None:
        server.answering(GOOD)(connection)
        server.over.wait(30)

    server.behaves = behave
    run(lambda: recovers(keys_at(f"http://127.0.0.1:{server.port}/keys")))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("place", "target"),
    [("/keys?of=a&b=%20", "/keys?of=a&b=%20"), ("", "/"), ("?of=a", "/?of=a"), ("//keys#part", "//keys")],
    ids=["path and query", "neither", "query alone", "two slashes and a fragment"],
)
def test_a_fetch_says_what_it_wants_and_who_asks(server: RawServer, run: Run, place: str, target: str) -> None:
    server.behaves = server.answering(GOOD)
    run(lambda: recovers(keys_at(f"http://127.0.0.1:{server.port}{place}")))
    line, *headers = server.requests[0].decode().split("\r\n")
    assert line == f"GET {target} HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in headers
    assert f"User-Agent: pollable/{__version__}" in headers
    assert headers[-2:] == ["", ""]


@pytest.mark.parametrize(
    ("names", "host", "is_trusted", "is_fetched"),
    [
        ("127.0.0.1", "127.0.0.1", True, True),
        ("localhost", "localhost", True, True),
        ("127.0.0.1", "127.0.0.1", False, False),
        ("issuer.example", "127.0.0.1", True, False),
    ],
    ids=["its address", "its name", "signed by nobody that is known", "of another name"],
)
def test_a_certificate_must_be_trusted_and_be_the_servers(
    server: RawServer,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: str,
    host: str,
    is_trusted: bool,
    is_fetched: bool,
) -> None:
    certificate = certificate_of(names, tmp_path)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server.behaves = in_tls(certificate, server.answering(GOOD))

    async def body() -> None:
        keys = keys_at(f"https://{host}:{server.port}/keys")
        if is_fetched:
            await recovers(keys)
        else:
            with pytest.raises(KeysUnavailable):
                await keys.find("first", "RS256")

    run(body)
    assert bool(server.requests) is is_fetched


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"", GOOD.replace(b"{", b"["), b"hunter2"],
    ids=["refused", "nothing", "not JSON", "no HTTP"],
)
def test_the_log_names_the_address_without_its_secrets(
    server: RawServer, run: Run, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    server.behaves = server.answering(answer)

    async def body() -> None:
        for place in (f"http://127.0.0.1:{server.port}", f"http://u:hunter2@127.0.0.1:{server.port}"):
            with pytest.raises(KeysUnavailable) as caught:
                await keys_at(f"{place}/keys?key=hunter2#hunter2").find("first", "RS256")
            assert "hunter2" not in repr(caught.value)

    with caplog.at_level(logging.DEBUG):
        run(body)
    assert caplog.text.count(f"the keys at http://127.0.0.1:{server.port}/keys could not be fetched") == 2
    assert "hunter2" not in caplog.text
