"""A proxy before Redis that loses what it is told to lose: requests, replies, connections."""

import hashlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from pollable.storage.scripts import source

CHUNK = 1 << 20
REPLY_S = 10.0


class Harm(msgspec.Struct, frozen=True):
    """What happens to one request: it reaches Redis or not; `then` is done; the connection is cut without a reply.

    `then` is given the reply. A reply without `done` in it is passed on, and no harm comes.
    """

    arrives: bool
    then: Callable[[bytes], None] = lambda _: None
    done: bytes = b""


Decide = Callable[[bytes], Harm | None]
"""Looks at what a client sent; None lets it pass."""


def sha(script: str) -> bytes:
    """By which name clients call a script of the service (`EVALSHA`)."""
    return hashlib.sha1(source(script).encode(), usedforsecurity=False).hexdigest().encode()


class Proxy:
    """A unix socket of its own before another one; two threads a connection."""

    def __init__(self, upstream: Path, decide: Decide) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="chaos-proxy-"))
        self._upstream = upstream
        self.decide = decide
        self._listener = socket.socket(socket.AF_UNIX)
        path = self._directory / "redis.sock"
        self._listener.bind(str(path))
        self._listener.listen(128)
        self.url = f"unix://{path}"
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut_all(self) -> None:
        """Reset every connection that there is."""
        with self._lock:
            cut = list(self._open)
        for each in cut:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._upstream))
            except OSError:
                client.close()
                server.close()
                continue
            with self._lock:
                self._open |= {client, server}
            # Only one of the two reads what the server says: a lost reply is read by the one that loses it.
            link = _Link(client, server, self)
            threading.Thread(target=link.requests, daemon=True).start()
            threading.Thread(target=link.replies, daemon=True).start()

    def forget(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._open -= set(sockets)


class _Link:
    """One client's connection and the one to Redis behind it."""

    def __init__(self, client: socket.socket, server: socket.socket, proxy: Proxy) -> None:
        self._client, self._server, self._proxy = client, server, proxy
        self._losing: Harm | None = None
        self._ended = 0
        self._lock = threading.Lock()

    def requests(self) -> None:
        with suppress(OSError):
            while chunk := self._client.recv(CHUNK):
                harm = self._proxy.decide(chunk)
                if harm is not None and not harm.arrives:
                    harm.then(b"")
                    break
                self._losing = harm
                self._server.sendall(chunk)
        if self._losing is None:
            self._end()
        else:
            self._done()

    def replies(self) -> None:
        with suppress(OSError):
            while chunk := self._server.recv(CHUNK):
                if self._losing is not None and self._losing.done in chunk:
                    self._losing.then(chunk)
                    break
                self._losing = None
                self._client.sendall(chunk)
        self._end()

    def _end(self) -> None:
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._done()

    def _done(self) -> None:
        with self._lock:
            self._ended += 1
            if self._ended == 2:
                self._client.close()
                self._server.close()
                self._proxy.forget(self._client, self._server)
