from collections.abc import Callable, Iterator

import pytest

from tests.auth.keyserver import KeyServer


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
