"""What an import asks of every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from pollable.examples.columns import ColumnType, Value, parse
from pollable.examples.rows import as_text


class ColumnRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one column must hold; `least` and `greatest` bound a number, or the length of a text."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200, examples=["amount"])]
    type: ColumnType = "text"
    required: Annotated[bool, msgspec.Meta(description="Whether every row must have a value.")] = True
    unique: Annotated[bool, msgspec.Meta(description="Whether no value may come twice.")] = False
    least: float | None = None
    greatest: float | None = None
    choices: Annotated[list[str], msgspec.Meta(max_length=200, description="If given, the only values allowed.")] = (
        msgspec.field(default_factory=list)
    )


class RowCheck:
    """Checks rows one after the other, and remembers what must not come again."""

    def __init__(self, rules: Sequence[ColumnRule]) -> None:
        self._rules = rules
        self._seen: dict[str, dict[str, int]] = {rule.name: {} for rule in rules if rule.unique}

    def problems(self, number: int, row: dict[str, Any]) -> Iterator[str]:
        """Yield, in words, what is wrong with a row."""
        for rule in self._rules:
            text = as_text(row.get(rule.name)).strip()
            problem = self._problem(rule, text, number)
            if problem:
                yield f"{rule.name}: {problem}"

    def _problem(self, rule: ColumnRule, text: str, number: int) -> str:
        if not text:
            return "missing" if rule.required else ""
        try:
            value = parse(text, rule.type)
        except ValueError:
            return f"{_quoted(text)} is not of type {rule.type}"
        if rule.choices and text not in rule.choices:
            return f"{_quoted(text)} is not one of the choices"
        return _out_of_bounds(rule, value) or self._repeated(rule, text, number)

    def _repeated(self, rule: ColumnRule, text: str, number: int) -> str:
        first = self._seen[rule.name].setdefault(text, number) if rule.unique else number
        return "" if first == number else f"{_quoted(text)} is in row {first} already"


def _out_of_bounds(rule: ColumnRule, value: Value) -> str:
    measure = len(value) if isinstance(value, str) else value
    if not isinstance(measure, int | float):
        return ""
    unit = " characters" if isinstance(value, str) else ""
    if rule.least is not None and measure < rule.least:
        return f"{measure}{unit} is less than {rule.least:g}"
    if rule.greatest is not None and measure > rule.greatest:
        return f"{measure}{unit} is more than {rule.greatest:g}"
    return ""


def _quoted(text: str) -> str:
    return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
