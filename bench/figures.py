"""What is measured becomes figures: a series of rounds, and rows that are held against a target."""

import statistics
from collections.abc import Sequence
from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. `value` is None where there is nothing to measure; `why` says why.

    `target` must be reached: at least so much, or at most where `is_limit`. None: the row informs and promises nothing.
    """

    what: str
    value: float | None
    unit: str = "x"
    target: float | None = None
    is_limit: bool = False
    why: str = ""

    @property
    def is_reached(self) -> bool | None:
        """None where nothing was measured, or nothing was promised."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.is_limit else self.value >= self.target


class Series(msgspec.Struct, frozen=True):
    """The same thing measured in several rounds."""

    median: float
    least: float
    most: float
    rounds: list[float]


def series(values: Sequence[float]) -> Series:
    """Of at least one value."""
    kept = [rounded(value) for value in values]
    return Series(rounded(statistics.median(values)), min(kept), max(kept), kept)


def rounded(value: float) -> float:
    """To four figures, as nothing here is known better."""
    return float(f"{value:.4g}")


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def beside(what: str, figures: dict[str, Series], names: tuple[str, str], *, target: float | None = None) -> Row:
    """How many times the first is the second, the median of the rounds; without a value where one of them failed."""
    missing = [name for name in names if name not in figures]
    if missing:
        return Row(what=what, value=None, target=target, why=f"not run: {', '.join(missing)}")
    # Round by round: what else the machine did in one of them, it did to both.
    ratios = [one / other for one, other in zip(*(figures[name].rounds for name in names), strict=True)]
    return Row(what=what, value=rounded(statistics.median(ratios)), target=target)


def outcome(rows: Sequence[Row], figures: dict[str, Series], **more: Any) -> dict[str, Any]:
    """What a measure hands back: rows for the table, the figures behind them, what else there is to know."""
    return {"rows": msgspec.to_builtins(list(rows)), "figures": msgspec.to_builtins(figures)} | more
