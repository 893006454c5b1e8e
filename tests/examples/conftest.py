"""What a job function sees of the attempt that runs it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pollable import JobError, examples
from pollable.worker.context import JobContext, begun
from pollable.worker.progress import Reporter


class Recorder(Reporter):
    """Keeps every report that a job makes."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.reports: list[tuple[Any, Any]] = []

    def report(self, percent: object, message: object) -> None:
        self.reports.append((int(percent), message))  # type: ignore[call-overload]  # the examples report numbers


@pytest.fixture
def run_with() -> Iterator[Callable[..., Recorder]]:
    """Begin an attempt with the given path parameters; returns what it reports."""
    with ExitStack() as attempts:

        def begin(**context: str) -> Recorder:
            recorder = Recorder()
            attempts.enter_context(begun(JobContext(context=context), reporter=recorder))
            return recorder

        yield begin


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


@pytest.fixture
def open_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator lets the crawler read what stands on this machine."""
    monkeypatch.setenv("CRAWLER_NETWORKS", "127.0.0.0/8")
