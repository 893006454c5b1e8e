"""Web processes under test: started as an operator would, and told apart by what they log."""

import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.system.load import length_of
from tests.system.running import ROOT, Running, free_port, listens, running, until
from tests.worker.waiting import is_alive

COMMAND = [sys.executable, "-m", "pollable", "serve"]


class Webs:
    """Starts web processes of one deployment, whose job modules may also be in `directory`."""

    def __init__(self, redis_url: str, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self._stack = stack
        self.settings = {
            "REDIS_URL": redis_url,
            "POLLABLE_HOST": "127.0.0.1",
            "POLLABLE_JOBS": "tests.system.patient",
            "PYTHONPATH": f"{ROOT}:{directory}",
        }

    def begin(self, processes: int = 1, *, command: list[str] = COMMAND, **settings: str) -> Running:
        """Not serving yet."""
        settings = {"PORT": str(free_port()), "WEB_CONCURRENCY": str(processes), **settings}
        log = self.directory / f"web-{len(list(self.directory.glob('*.log')))}.log"
        url = f"http://127.0.0.1:{settings['PORT']}"
        return self._stack.enter_context(running(command, url=url, log=log, settings={**self.settings, **settings}))

    def start(self, processes: int = 1, *, command: list[str] = COMMAND, **settings: str) -> Running:
        """Serving, with all its processes."""
        web = self.begin(processes, command=command, **settings)
        until(lambda: listens(web) and len(serving(web)) == processes, within_s=30)
        # Its connection would be one more that is waited for at the end.
        web.http.close()
        return web


@pytest.fixture
def webs(redis_url: str, tmp_path: Path) -> Iterator[Webs]:
    with ExitStack() as stack:
        yield Webs(redis_url, tmp_path, stack)


def serving(web: Running) -> list[int]:
    """The pids of those that have begun to serve and still run, the oldest first."""
    started = re.findall(r"Started server process \[(\d+)\]", web.log)
    ready = web.log.count("Application startup complete")
    return [pid for pid in map(int, started[:ready]) if is_alive(pid)]


def port_of(web: Running) -> int:
    return int(web.url.rpartition(":")[2])


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # What connections left behind is no listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


@contextmanager
def hung_up(web: Running) -> Iterator[list[int]]:
    """SIGHUP; after the block every process that served is another's, and those that serve are in the list."""
    old = serving(web)
    new: list[int] = []
    web.process.send_signal(signal.SIGHUP)
    yield new
    until(lambda: not set(old) & set(serving(web)) and len(serving(web)) == len(old), within_s=60)
    new.extend(serving(web))


class Connection:
    """One connection, byte by byte."""

    def __init__(self, web: Running) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port_of(web)), timeout=20)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """Status and head of one answer. Raises `ConnectionError` where none comes."""
        received = b""
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < length_of(received):
            received += self._more()
        return int(received.split()[1]), received.partition(b"\r\n\r\n")[0].lower()

    def is_closed(self) -> bool:
        return self._socket.recv(1) == b""

    def _more(self) -> bytes:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("closed without an answer")
        return data
