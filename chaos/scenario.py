"""What a scenario is, and what a run of it reports."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Size = Mapping[str, float]
SEED = 7


def lease(size: Size) -> dict[str, str]:
    """The setting, as the size has it."""
    return {"POLLABLE_LEASE_S": f"{size['lease_s']:g}"}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `size` is what was asked for, `figures` what was measured; `stock` the same under RQ's own worker."""

    scenario: str
    form: str
    seed: int
    size: Mapping[str, float]
    violations: list[str]
    figures: Mapping[str, Any]
    took_s: float
    stock: Mapping[str, Any] | None = None

    @property
    def has_passed(self) -> bool:
        return not self.violations


class Found(msgspec.Struct, frozen=True):
    """What a scenario hands back."""

    violations: list[str]
    figures: Mapping[str, Any]


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. `procedure` and `passes` are what it does and what is asked of it, in words.

    `run` and `run_stock` take a size and a seed; the second puts RQ's own worker through the same.
    """

    name: str
    procedure: str
    passes: str
    full: Size
    short: Size
    run: Callable[[Size, int], Found]
    run_stock: Callable[[Size, int], Mapping[str, Any]] | None = None


class Skipped(Exception):
    """This machine lacks what the scenario needs; the words say what."""
