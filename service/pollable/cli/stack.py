"""Web and worker together on one Redis: two processes, or two threads where the Redis is a fake."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import IO, Protocol

import click
import uvicorn

from pollable import catalog
from pollable.app import create_app
from pollable.auth.authenticator import check_exposure
from pollable.cli import embedded
from pollable.cli.owned_process import OwnedProcess
from pollable.cli.requests import Api, UnreachableError
from pollable.server import options
from pollable.settings import from_environment
from pollable.worker.attempt import Workshop
from pollable.worker.simple import run_in_thread

READY_S = 30.0
# A worker hands its job back within 25 s.
GRACE_S = 30.0
OURS = ("REDIS_URL", "PORT", "WEB_CONCURRENCY")

AnyRedis = embedded.Given | embedded.Private | embedded.Fake


class Stack(Protocol):
    """A web process and a worker that run."""

    def ended(self) -> str | None:
        """What ended by itself, for the terminal; None while all is well."""

    def stop(self) -> None:
        """End both, and wait until they have ended."""


class Processes:
    """What the Procfile says, as children of this process."""

    def __init__(self, environment: Mapping[str, str], *, output: IO[bytes] | None = None) -> None:
        commands = {"web": ["-m", "pollable", "serve"], "worker": ["-m", "pollable", "worker"]}
        self._children = {
            name: OwnedProcess([sys.executable, *arguments], environment=environment, output=output)
            for name, arguments in commands.items()
        }

    def ended(self) -> str | None:
        """As in `Stack`."""
        for name, child in self._children.items():
            if child.exit_code is not None:
                return f"The {name} process ended with exit code {child.exit_code}."
        return None

    def stop(self) -> None:
        """As in `Stack`."""
        for child in self._children.values():
            child.ask_to_stop()
        for child in self._children.values():
            child.stop(grace_s=GRACE_S)


class Threads:
    """The same inside this process, the only place where a fake Redis can be seen."""

    def __init__(self, environment: Mapping[str, str], *, fake: embedded.Fake) -> None:
        settings = check_exposure(from_environment(environment))
        types = catalog.deployed(settings)
        app = create_app(settings, catalog=types, redis=fake.connect_async())
        self._server = uvicorn.Server(uvicorn.Config(app, **options(settings)))
        self._stop_worker = threading.Event()
        workshop = Workshop(settings, types)
        self._threads = {
            "web": threading.Thread(target=self._server.run, name="web", daemon=True),
            "worker": run_in_thread(fake.connect(), workshop=workshop, stop=self._stop_worker),
        }
        self._threads["web"].start()

    def ended(self) -> str | None:
        """As in `Stack`."""
        for name, thread in self._threads.items():
            if not thread.is_alive():
                return f"The {name} thread ended."
        return None

    def stop(self) -> None:
        """As in `Stack`."""
        self._server.should_exit = True
        self._stop_worker.set()
        for thread in self._threads.values():
            thread.join(GRACE_S)


def start(redis: AnyRedis, environment: Mapping[str, str], *, output: IO[bytes] | None = None) -> Stack:
    """Web and worker with these settings on this Redis, whatever REDIS_URL they name."""
    if not isinstance(redis, embedded.Given):
        # It lives as long as this command: that it keeps nothing is no news.
        environment = {**environment, "POLLABLE_REDIS_RISKS": "accepted"}
    if isinstance(redis, embedded.Fake):
        return Threads(environment, fake=redis)
    return Processes({**environment, "REDIS_URL": redis.url}, output=output)


def wait_until_ready(stack: Stack, url: str) -> None:
    """Return when the web process answers and a worker serves every queue. Raises `ClickException`."""
    deadline = time.monotonic() + READY_S
    while not _is_ready(url):
        reason = stack.ended()
        if reason:
            raise click.ClickException(reason)
        if time.monotonic() > deadline:
            raise click.ClickException(f"{url} was not ready within {READY_S:.0f} s.")
        time.sleep(0.1)


def end_orderly_on_sigterm() -> None:
    """Have SIGTERM do what Ctrl-C does, so that the worker ends before its Redis."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def wait_until_ended(stack: Stack) -> None:
    """Raises `ClickException` where web or worker ends by itself; only Ctrl-C ends it otherwise."""
    while not (reason := stack.ended()):
        time.sleep(0.2)
    raise click.ClickException(reason)


def inherited(**changes: str) -> dict[str, str]:
    """This process's environment with these changes, for a child."""
    return {**os.environ, **changes}  # noqa: TID251 - it is handed on, not read


def pristine(**changes: str) -> dict[str, str]:
    """The same without any setting of ours, so that only the changes configure the child."""
    kept = {name: value for name, value in inherited().items() if name not in OURS and not name.startswith("POLLABLE_")}
    return {**kept, **changes}


def free_port(preferred: int) -> int:
    """The preferred port, or any other one where somebody listens on it."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise click.ClickException("This machine has no free port.")


def _is_ready(url: str) -> bool:
    try:
        return Api(url).get("/readyz").status == 200
    except UnreachableError:
        return False
