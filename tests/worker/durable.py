"""A Redis that keeps its data on disk, to be killed and started again."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from pollable.cli.owned_process import OwnedProcess
from tests.worker.waiting import until


class DurableRedis:
    """With an append-only file that is written through at every command."""

    def __init__(self, program: Path) -> None:
        self._program = program
        # Short, since a socket's path may have a hundred bytes at most.
        self._directory = Path(tempfile.mkdtemp(prefix="durable-"))
        self._socket = self._directory / "redis.sock"
        self._server: OwnedProcess | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        place: list[str | Path] = [
            "--port",
            "0",
            "--unixsocket",
            self._socket,
            "--dir",
            self._directory,
            "--logfile",
            "redis.log",
        ]
        durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._server = OwnedProcess([self._program, *place, *durable])
        with Redis.from_url(self.url) as client:
            until(lambda: _answers(client), within_s=20, what="Redis")

    def kill(self) -> None:
        """Kill -9."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.stop()
        self._socket.unlink(missing_ok=True)

    def forget(self) -> None:
        """Start from nothing the next time."""
        for path in self._directory.glob("appendonly*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def freeze(self) -> None:
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGCONT)

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._directory)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False
