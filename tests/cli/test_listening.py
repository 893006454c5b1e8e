"""Sockets of the web process: who can connect, and until when."""

import socket
import sys

import pytest

from pollable.cli.listening import Taken, bound, listen, turn_away
from pollable.settings import Settings


def test_nobody_connects_before_it_listens() -> None:
    with bound(Settings(port=0)) as [listener]:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.getsockname(), timeout=5)
        listen([listener])
        socket.create_connection(listener.getsockname(), timeout=5).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_two_that_bound_at_the_same_time_do_not_both_listen(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    with bound(Settings(host=host, port=port)) as first, bound(Settings(host=host, port=port)) as second:
        listen(first)
        with pytest.raises(Taken, match=f":{port} .*: Address already in use"):
            listen(second)


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux can tell those who begin from those who have.")
@pytest.mark.parametrize("waiting", [0, 1, 20])
def test_who_has_connected_is_accepted_and_nobody_else(waiting: int) -> None:
    with bound(Settings(port=0)) as [listener]:
        listen([listener])
        callers = [socket.create_connection(listener.getsockname()) for _ in range(waiting)]
        turn_away([listener])
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        for caller in callers:
            accepted, _ = listener.accept()
            caller.sendall(b"question")
            assert accepted.recv(8) == b"question"
            accepted.sendall(b"answer")
            accepted.close()
            assert caller.recv(6) == b"answer"
            caller.close()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux ends a connection whose peer acknowledges nothing.")
def test_a_connection_ends_whose_peer_acknowledges_nothing() -> None:
    with bound(Settings(port=0)) as [listener]:
        listen([listener])
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
