"""Contenders take turns, round after round, so that what else the machine does falls on all of them."""

import sys
from collections.abc import Callable, Mapping

from bench.figures import Series, series


class Failed(Exception):
    """A contender that could not be measured; the text says why. The others go on without it."""


Turn = Callable[[], float]


def interleaved(
    turns: Mapping[str, Turn], *, rounds: int, warm_ups: int = 1
) -> tuple[dict[str, Series], dict[str, str]]:
    """The figures of those that took every turn, and why the others did not. The first turns are thrown away."""
    taken: dict[str, list[float]] = {name: [] for name in turns}
    failed: dict[str, str] = {}
    for number in range(rounds + warm_ups):
        for name, turn in turns.items():
            if name in failed:
                continue
            try:
                value = turn()
            except Failed as error:
                failed[name] = str(error)
                progress(f"{name} failed: {error}")
                continue
            is_kept = number >= warm_ups
            progress(f"{name}: {value:.4g}{'' if is_kept else ' (warm-up)'}")
            if is_kept:
                taken[name].append(value)
    return {name: series(values) for name, values in taken.items() if name not in failed}, failed


def progress(line: str) -> None:
    """Say how far it is."""
    print(f"    {line}", file=sys.stderr, flush=True)
