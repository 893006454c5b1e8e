"""What a job function sees of the attempt that runs it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import examples
from service import JobError
from service.progress import Reporter, Running, current


class Recorder(Reporter):
    """Keeps every report that a job makes."""

    def __init__(self) -> None:
        super().__init__(lambda _percent, _message: None)
        self.reports: list[tuple[int, str]] = []

    def report(self, percent: int, message: str) -> None:
        self.reports.append((percent, message))


@pytest.fixture
def run_with() -> Iterator[Callable[..., Recorder]]:
    """Begin an attempt with the given path parameters; returns what it reports."""
    before = current.get()

    def begin(**context: str) -> Recorder:
        recorder = Recorder()
        current.set(Running(recorder, context))
        return recorder

    yield begin
    current.set(before)


def _outcome(work: Callable[..., Any], *args: Any) -> Any:
    try:
        return work(*args)
    except JobError as error:
        return error


@pytest.fixture(scope="session")
def outcome_of() -> Callable[..., Any]:
    """Run a job function; returns its result, or the error by which it fails with a code."""
    return _outcome


@pytest.fixture(scope="session")
def photosynthesis() -> str:
    return (Path(examples.__file__).parent / "texts" / "photosynthesis.txt").read_text(encoding="utf-8")
