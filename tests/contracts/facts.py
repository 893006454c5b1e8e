"""What the five pages state, one fact at a time, with the test that holds each; printed by `python -m` as a table."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("facts.txt")
BEGIN, END = "<!-- facts: `python -m tests.contracts.facts` prints what is between these lines -->", "<!-- /facts -->"


class Fact(msgspec.Struct, frozen=True):
    """One statement of a page; `test` is what pytest calls the test, all its cases or one of them."""

    page: str
    text: str
    test: str


def facts_of(source: str) -> Iterator[Fact]:
    """The facts of a text in which pages are not indented, facts by two and tests by four. Raises `ValueError`."""
    page, text = "", ""
    for line in [*filter(str.strip, source.splitlines()), "the end"]:
        depth = len(line) - len(line.lstrip())
        if (depth == 4) != bool(text):
            raise ValueError(f"No test holds: {text}" if text else f"No fact is held by: {line.strip()}")
        if depth == 4:
            yield Fact(page, text, line.strip())
        page = line.strip() if depth == 0 else page
        text = line.strip() if depth == 2 else ""


def table(facts: Iterable[Fact]) -> str:
    """The facts in Markdown, numbered."""
    rows = [f"| {number} | {_row(fact)} |" for number, fact in enumerate(facts, start=1)]
    return "\n".join([BEGIN, "", "| | page | fact | held by |", "| --- | --- | --- | --- |", *rows, "", END])


def unheld(facts: Iterable[Fact], collected: Collection[str]) -> list[str]:
    """The tests that are named and are not among those that pytest finds."""
    known = {*collected, *(name.partition("[")[0] for name in collected)}
    return [fact.test for fact in facts if fact.test not in known]


def _row(fact: Fact) -> str:
    page = fact.page if " " in fact.page else f"`{fact.page}`"
    return f"{page} | {fact.text} | `{fact.test}`"


FACTS = tuple(facts_of(SOURCE.read_text()))

if __name__ == "__main__":
    print(table(FACTS))
