"""Tests of one's own jobs: the pytest plugin of `docs/testing.md`. `PollableApp` is what its fixture gives."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pollable.testing.app import PollableApp

__all__ = ["AT_ONCE", "WORKER", "PollableApp"]

WORKER = "pollable.testing.worker"
"""The worker process of a test run, by its module's name: it loads what the tests have no use for."""
AT_ONCE = "--at-once"
"""Told to it where another attempt begins at once."""


def __getattr__(name: str) -> Any:
    if name != "PollableApp":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pollable.testing.app import PollableApp

    return PollableApp
