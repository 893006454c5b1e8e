"""Markdown out of results: the targets, and the figures behind them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from bench.figures import Row, Series
from bench.measures import MEASURES

Results = Mapping[str, Mapping[str, Any]]
NOTHING = "Not measured yet: `make bench` does it."
HEADLINES = ("polls", "submits", "workers", "answers", "waiters", "idle")
"""The measures of which the README tells the first row."""


def targets(results: Results) -> str:
    """Every row of which something is promised, in the order of the measures, and every measure that failed."""
    found = (row for name in MEASURES if name in results for row in rows(results[name]))
    lines = [line(row) for row in found if row.target is not None or row.why]
    return markdown(("measure", "measured", "must be", ""), lines)


def headlines(results: Results) -> str:
    """One row of each measure that a reader looks for first."""
    lines = [line(rows(results[name])[0])[:2] for name in HEADLINES if results.get(name, {}).get("rows")]
    return markdown(("", "measured"), lines)


def rates(name: str) -> Callable[[Results], str]:
    """The figures of one measure, contender by contender: median, least and most of the rounds; and who was not run."""

    def table(results: Results) -> str:
        taken = results.get(name, {})
        figures = msgspec.convert(taken.get("figures", {}), dict[str, Series])
        memory = taken.get("memory_mb", {})
        lines = [
            (who, number(each.median), f"{number(each.least)} to {number(each.most)}", megabytes(memory.get(who)))
            for who, each in figures.items()
        ]
        lines += [(who, "not run", why.replace("|", "\\|"), "") for who, why in taken.get("failed", {}).items()]
        return markdown(("a second", "median", "rounds", "memory"), lines)

    return table


def facts(name: str) -> Callable[[Results], str]:
    """What a measure found beside its rows: a table of its own."""

    def table(results: Results) -> str:
        found: Mapping[str, Sequence[str]] = results.get(name, {}).get("facts", {})
        head, *lines = found.get("table", [[""]])
        return markdown(head, lines)

    return table


def machines(results: Results) -> str:
    """What the results were taken on, each machine once."""
    lines = {sentence(taken["machine"]) for taken in results.values()}
    return "\n".join(sorted(lines)) or NOTHING


def sentence(machine: Mapping[str, Any]) -> str:
    """One machine."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    hardware = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['kernel']}"
    return f"{hardware}; Python {machine['python']}, Redis {machine['redis']}, wrk {machine['wrk']}; {versions}."


TABLES: Mapping[str, Callable[[Results], str]] = {
    "targets": targets,
    "headlines": headlines,
    "machines": machines,
    **{name: rates(name) for name in ("polls", "large", "submits", "workers")},
    **{f"{name}-facts": facts(name) for name in ("stored", "costs", "distance")},
}


def rows(taken: Mapping[str, Any]) -> list[Row]:
    """Of one measure; one that failed has a row that says so."""
    found = msgspec.convert(taken.get("rows", []), list[Row])
    failed = Row(what=MEASURES[taken["measure"]].about, value=None, why=taken.get("error", ""))
    return found or [failed]


def line(row: Row) -> tuple[str, str, str, str]:
    """The cells of one row."""
    return row.what, value(row), target(row), verdict(row)


def value(row: Row) -> str:
    """What was measured."""
    return row.why or "not there" if row.value is None else f"{number(row.value)} {row.unit}"


def target(row: Row) -> str:
    """What was promised."""
    return "" if row.target is None else f"{'<=' if row.is_limit else '>='} {number(row.target)} {row.unit}"


def verdict(row: Row) -> str:
    """Whether it holds."""
    return {None: "", True: "reached", False: "not reached"}[row.is_reached]


def number(figure: float) -> str:
    """As a reader wants it: whole where it is large, three figures where it is not."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def megabytes(figure: float | None) -> str:
    """Empty where it is not known."""
    return "" if figure is None else f"{figure:.0f} MB"


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table; a sentence where there is nothing in it."""
    body = [f"| {' | '.join(cells)} |" for cells in lines]
    rule = f"|{' --- |' * len(head)}"
    return "\n".join([f"| {' | '.join(head)} |", rule, *body]) if body else NOTHING
