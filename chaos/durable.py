"""A Redis that keeps its data on disk: to be killed, frozen, filled and started again."""

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from chaos.waiting import until
from pollable.cli.embedded import find_server
from pollable.cli.owned_process import OwnedProcess


class NoServer(Exception):
    """This machine has no Redis server."""


def program() -> Path:
    """The server that the suite runs. Raises `NoServer`."""
    found = find_server()
    if found is None:
        raise NoServer("The suite needs a Redis server: install redis-server, or the `dev` extra.")
    return found


class DurableRedis:
    """With an append-only file that is written through at every command.

    `options` are the server's own; with `port` 0 it is reached by its socket alone.
    """

    def __init__(self, *options: str, port: int = 0) -> None:
        # Short, since a socket's path may have a hundred bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.socket = self.directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.port = port
        self._options = ["--appendonly", "yes", "--appendfsync", "always", *options]
        self._server: OwnedProcess | None = None
        self.admin: Redis = Redis.from_url(self.url, socket_timeout=60)
        self.start()

    def start(self, *options: str) -> None:
        """Start it, with `options` for this once, and wait until it answers."""
        place: list[str | Path] = ["--port", str(self.port), "--unixsocket", self.socket, "--dir", self.directory]
        quiet = ["--logfile", "redis.log", "--save", ""]
        self._server = OwnedProcess([program(), *place, *quiet, *self._options, *options])
        until(self._answers, within_s=60, what="Redis")

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.exit_code is None

    def kill(self) -> None:
        """Kill -9."""
        self.signal(signal.SIGKILL)
        assert self._server is not None
        self._server.stop()
        self.socket.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes it, SIGCONT thaws it."""
        assert self._server is not None
        os.kill(self._server.pid, number)

    def configure(self, **options: str | int) -> None:
        """CONFIG SET; underscores stand for dashes."""
        for name, value in options.items():
            self.admin.config_set(name.replace("_", "-"), value)

    def info(self, name: str) -> Any:
        """One value of INFO."""
        found: Any = self.admin.info("all")
        return found[name]

    def used_bytes(self) -> int:
        return int(self.info("used_memory"))

    def restart_empty(self) -> None:
        """Kill it, and start it without its files."""
        self.kill()
        for path in self.directory.glob("appendonly*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.start()

    def close(self) -> None:
        self.admin.close()
        if self._server is not None:
            if self._server.exit_code is None:
                self.signal(signal.SIGCONT)
            self._server.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self.admin.ping())
        except RedisError:
            return False
