import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
import uvloop

from pollable.auth import key_set
from tests.auth.fetching import Body, Run
from tests.auth.keyserver import KeyServer
from tests.auth.rawserver import RawServer


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy may need longer than 3 s for a fetch that is to succeed."""
    monkeypatch.setattr(key_set, "TIMEOUT_S", 20.0)


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    with KeyServer().running() as server:
        yield server


@pytest.fixture
def other_server() -> Iterator[KeyServer]:
    with KeyServer().running() as server:
        yield server


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Clock]:
    """Replaces a module's `monotonic`."""

    def replace(module: str) -> Clock:
        clock = Clock()
        monkeypatch.setattr(f"{module}.monotonic", clock)
        return clock

    return replace


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs on each kind of loop that the service may have."""

    def on_loop(body: Body) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(body())

    return on_loop


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer(socket.socket.close).running() as running:
        yield running
