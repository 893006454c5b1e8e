"""Somebody else's server that speaks no HTTP of its own: each connection is handed to whatever is to happen to it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket], None]


class RawServer:
    """`behaves` may be changed at any time, `over` ends what still goes on, `requests` are the heads that were sent."""

    def __init__(self, behaves: Behaviour) -> None:
        self.behaves = behaves
        self.over = threading.Event()
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def answering(self, answer: bytes, *, begin: bytes = b"", pause_s: float = 0.0) -> Behaviour:
        """Reads a request, sends `begin`, and then the answer: byte by byte where there are pauses."""

        def behave(connection: socket.socket) -> None:
            self.requests.append(connection.recv(65_536))
            connection.sendall(begin)
            self.send(connection, answer, pause_s=pause_s)

        return behave

    def send(self, connection: socket.socket, data: bytes, *, pause_s: float) -> None:
        step = 1 if pause_s else len(data) or 1
        for at in range(0, len(data), step):
            connection.sendall(data[at : at + step])
            self.over.wait(pause_s)

    @contextmanager
    def running(self) -> Iterator["RawServer"]:
        self._threads[0].start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in self._threads:
                thread.join()
            self._listener.close()

    def _accept(self) -> None:
        while not self.over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # Whoever gives up hangs up.
        with connection, suppress(OSError):
            connection.settimeout(20)
            self.behaves(connection)
