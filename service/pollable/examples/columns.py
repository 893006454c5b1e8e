"""What the columns of a table hold: their types, and figures about them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from pollable.examples.rows import as_text

ColumnType = Literal["integer", "number", "boolean", "date", "datetime", "text"]
Value = int | float | bool | date | datetime | str
# A leading zero makes a code, such as 00123, and no number; over 18 digits it is an account or a serial number.
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
# Python 3.11 reads every form of ISO 8601, long numbers without a hyphen among them.
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}


class Column(msgspec.Struct, frozen=True):
    """A column; `least` and `greatest` are lengths for text and values for anything else."""

    name: str
    type: ColumnType | Literal["empty"]
    filled: int
    empty: int
    distinct: int
    least: str = ""
    greatest: str = ""
    mean: float | None = None


def parse(text: str, wanted: ColumnType) -> Value:
    """Read a cell; raises `ValueError` when it is not of the type that is wanted."""
    return _PARSERS[wanted](text.strip())


def describe(name: str, values: Sequence[Any]) -> Column:
    """Find the narrowest type that fits every filled cell of a column, and describe what it holds."""
    cells = [text for value in values if (text := as_text(value).strip())]
    empty = len(values) - len(cells)
    if not cells:
        return Column(name, "empty", 0, empty, 0)
    found, parsed = next((kind, parsed) for kind in _PARSERS if (parsed := _parse_all(cells, kind)) is not None)
    measured = [len(cell) for cell in cells] if found == "text" else parsed
    numbers = [value for value in measured if found in {"integer", "number"} and isinstance(value, int | float)]
    return Column(
        name,
        found,
        filled=len(cells),
        empty=empty,
        distinct=len(set(cells)),
        least=_spelled(min(measured)),
        greatest=_spelled(max(measured)),
        mean=round(math.fsum(number / len(numbers) for number in numbers), 6) if numbers else None,
    )


def _parse_all(cells: Sequence[str], wanted: ColumnType) -> list[Any] | None:
    try:
        return [parse(cell, wanted) for cell in cells]
    except ValueError:
        return None


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _datetime(text: str) -> datetime:
    if not _DATETIME.match(text):
        raise ValueError(text)
    # Times with and without a zone cannot be compared; to be in order they are all taken for what they say.
    return datetime.fromisoformat(text).replace(tzinfo=None)


_PARSERS: dict[ColumnType, Callable[[str], Value]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "text": str,
}


def _spelled(value: Value) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else as_text(value)
