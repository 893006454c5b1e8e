"""One of several web processes, and how its parent sees it."""

import contextlib
import multiprocessing
import os
import socket
from multiprocessing.connection import Connection

import uvicorn

from pollable.cli.web_server import WebServer
from pollable.server import checked_application, options
from pollable.settings import from_environment

# An interpreter of its own, so that SIGHUP brings the code that is installed by then.
_SPAWNING = multiprocessing.get_context("spawn")


class WebProcess:
    """One that serves on these sockets, which others have too; it does not outlive the process that made it."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._beats, beats = _SPAWNING.Pipe(duplex=False)
        self._process = _SPAWNING.Process(target=_serve, args=(sockets, beats))
        self._process.start()
        beats.close()
        self.is_serving = False
        self.is_outdated = False
        self.is_leaving = False

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.exitcode

    def has_beaten(self) -> bool:
        """Whether it has shown since the last look that its event loop runs: each second it does."""
        has = self._beats.poll() and bool(os.read(self._beats.fileno(), 4096))
        self.is_serving = self.is_serving or has
        return has

    def leave(self) -> None:
        """Ask it to end, and return at once."""
        self.is_leaving = True
        self._process.terminate()

    def kill(self) -> None:
        """Kill -9."""
        self._process.kill()

    def close(self) -> None:
        """Once it has ended."""
        self._beats.close()
        self._process.close()


def _serve(sockets: list[socket.socket], beats: Connection) -> None:
    async def beat() -> None:
        # A parent that does not look, or is no more, keeps nobody from serving.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(beats.fileno(), b".")

    os.set_blocking(beats.fileno(), False)
    parent = multiprocessing.parent_process()
    assert parent is not None
    config = uvicorn.Config(
        checked_application(), callback_notify=beat, timeout_notify=0, **options(from_environment())
    )
    WebServer(config, parent=parent.sentinel).serve_until_told(sockets)
