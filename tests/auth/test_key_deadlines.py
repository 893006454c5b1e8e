"""Fetching an issuer's keys from servers that come to no end: one deadline for all of it, and nothing left behind."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pollable.auth import key_set
from pollable.auth.key_set import KeySet
from pollable.errors import KeysUnavailable
from tests.auth.fetching import CHUNKED, DOCUMENT, GOOD, Run, certificate_of, in_tls, keys_at, recovers
from tests.auth.rawserver import Behaviour, RawServer

BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
DRIP_S, DRIPS = 0.05, 1_200
"""Longer than anything here waits for."""
DEADLINE_S = 0.6
"""That of the fetch in these tests."""
SPARE_S = 8.0
"""What a machine that is busy may add."""


def hang(server: RawServer) -> Behaviour:
    def behave(_: socket.socket) -> None:
        server.over.wait(30)

    return behave


def begun_handshake(server: RawServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        # The beginning of a record of 16 kB, and then a byte of it now and then.
        server.send(connection, b"\x16\x03\x03\x40\x00" + bytes(DRIPS), pause_s=DRIP_S)

    return behave


ENDLESS: dict[str, Callable[[RawServer], Behaviour]] = {
    "nothing after the accept": hang,
    "a status line in drips": lambda server: server.answering(b"HTTP/1.1 200 " + b"O" * DRIPS, pause_s=DRIP_S),
    "a header in drips": lambda server: server.answering(b"a" * DRIPS, begin=b"HTTP/1.1 200 OK\r\nX: ", pause_s=DRIP_S),
    "headers in drips": lambda server: server.answering(
        b"X: y\r\n" * DRIPS, begin=b"HTTP/1.1 200 OK\r\n", pause_s=DRIP_S
    ),
    "a body in drips": lambda server: server.answering(bytes(DRIPS), begin=BEGUN, pause_s=DRIP_S),
    "a body that stops half-way": lambda server: server.answering(b" ", begin=BEGUN + DOCUMENT, pause_s=60),
    "chunks in drips": lambda server: server.answering(b"1\r\n \r\n" * DRIPS, begin=CHUNKED, pause_s=DRIP_S),
}
ENDLESS_TLS = {"nothing after the accept": hang, "a handshake in drips": begun_handshake}


async def gives_up(keys: KeySet) -> None:
    begun_at = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_set, "TIMEOUT_S", DEADLINE_S)
        with pytest.raises(KeysUnavailable):
            await keys.find("first", "RS256")
    assert time.monotonic() - begun_at < DEADLINE_S + SPARE_S


@pytest.mark.parametrize("name", ENDLESS)
def test_a_fetch_ends_at_its_deadline_and_the_next_one_succeeds(server: RawServer, run: Run, name: str) -> None:
    server.behaves = ENDLESS[name](server)

    async def body() -> None:
        keys = keys_at(f"http://127.0.0.1:{server.port}/keys")
        await gives_up(keys)
        server.behaves = server.answering(GOOD)
        await recovers(keys)
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    run(body)


@pytest.mark.parametrize("name", ENDLESS_TLS)
def test_a_handshake_ends_at_the_deadline_too(
    server: RawServer,
    run: Run,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.behaves = ENDLESS_TLS[name](server)
    certificate = certificate_of("127.0.0.1", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def body() -> None:
        keys = keys_at(f"https://127.0.0.1:{server.port}/keys")
        await gives_up(keys)
        server.behaves = in_tls(certificate, server.answering(GOOD))
        await recovers(keys)

    run(body)


def test_a_connection_that_is_not_accepted_ends_at_the_deadline(run: Run) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            # More than it keeps waiting: what comes next gets no answer at all.
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        run(lambda: gives_up(keys_at(f"http://127.0.0.1:{listener.getsockname()[1]}/keys")))
        for each in waiting:
            each.close()
