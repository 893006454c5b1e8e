"""A server of `BoundedProtocol` on a real socket, and a client of bytes."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from functools import partial
from typing import Any

import uvicorn
import uvloop

from pollable.http.connection import BoundedProtocol
from pollable.http.room import Room
from pollable.settings.limits import Limits

HEAD_S = 0.5
LIMITS = Limits(head_s=HEAD_S, body_s=1.5, body_rate=20, unread_s=0.5)
LARGE = b"a" * 8_000_000


class Recorder:
    """An application: reads the body unless the path says otherwise, answers 200 and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[bytes, bytes]]] = []
        self.ended: list[str] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        path = scope["path"]
        self.asked.append((path, dict(scope["headers"])))
        message = {"more_body": path != "/unread"}
        while message.get("more_body"):
            message = await receive()
        if message.get("type") == "http.disconnect":
            return
        if path == "/slow":
            await asyncio.sleep(0.3)
        if path == "/long":
            await receive()
            self.ended.append(path)
        if path == "/unread":
            await asyncio.sleep(60)
        body = LARGE if path == "/large" else b"ok"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextlib.contextmanager
def serving(
    app: Any, limits: Limits = LIMITS, *, keep_alive_s: float = 30, http: Any = None, **options: Any
) -> Iterator[int]:
    """The port of a server that has these limits, or another protocol, on the loop that the web process has."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    ours: Any = partial(BoundedProtocol, limits=limits, room=Room(limits.connections))
    config = uvicorn.Config(
        app,
        http=http or ours,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=keep_alive_s,  # type: ignore[arg-type]  # As asyncio has it.
        timeout_graceful_shutdown=1,
        **options,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve([listener])))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def answer(port: int, *chunks: bytes, pause_s: float = 0.0, quiet_s: float = 1.5 * HEAD_S) -> tuple[bytes, bool]:
    """What comes back, and whether the server closed the connection; it has `quiet_s` to say something more."""
    with socket.create_connection(("127.0.0.1", port), timeout=quiet_s) as client:
        with contextlib.suppress(ConnectionError):
            for chunk in chunks:
                client.sendall(chunk)
                time.sleep(pause_s)
        return heard(client)


def heard(client: socket.socket) -> tuple[bytes, bool]:
    """What comes within the socket's time-out of the byte before, and whether it was closed."""
    received = b""
    try:
        while more := client.recv(65_536):
            received += more
    except TimeoutError:
        return received, False
    except ConnectionError:
        pass
    return received, True
