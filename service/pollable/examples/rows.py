"""Reading rows out of CSV and JSON lines, and writing them again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from pollable import JobError

RowFormat = Literal["csv", "jsonl"]
_DELIMITERS = ",;\t|"
_MOST_ERRORS = 100
_MOST_COLUMNS = 500


class RowError(msgspec.Struct, frozen=True):
    """Why a row was left out; rows count from 1, and a CSV header is none."""

    row: int
    reason: str


class Errors:
    """The errors of one document: all are counted, the first hundred are kept."""

    def __init__(self) -> None:
        self.kept: list[RowError] = []
        self.rows: set[int] = set()

    def add(self, row: int, reason: str) -> None:
        """Note an error."""
        self.rows.add(row)
        if len(self.kept) < _MOST_ERRORS:
            self.kept.append(RowError(row, reason))


class Rows(msgspec.Struct, frozen=True):
    """The rows that could be read, by number, and the columns in the order in which they turned up."""

    columns: list[str]
    rows: list[tuple[int, dict[str, Any]]]
    count: int
    errors: Errors


def read_rows(content: str, row_format: RowFormat) -> Rows:
    """Read a document; raises `JobError` when not even its header makes sense."""
    table = _read_csv(content) if row_format == "csv" else _read_jsonl(content)
    if len(table.columns) > _MOST_COLUMNS:
        raise JobError("too_many_columns", f"There are more than {_MOST_COLUMNS} columns.")
    return table


def write_rows(columns: Sequence[str], rows: Iterable[dict[str, Any]], row_format: RowFormat) -> str:
    """Write rows; an absent value is empty in CSV and null in JSON lines."""
    if row_format == "jsonl":
        return "".join(f"{msgspec.json.encode({name: row.get(name) for name in columns}).decode()}\n" for row in rows)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(columns)
    writer.writerows([as_text(row.get(name)) for name in columns] for row in rows)
    return sheet.getvalue()


def as_text(value: object) -> str:
    """Write a value as a CSV cell: text as it is, anything else as JSON, and nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _read_csv(content: str) -> Rows:
    lines = content.removeprefix("\ufeff")
    first = lines.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    records = _records(csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter, strict=True))
    columns = _header(next(records, None))
    errors, rows, number = Errors(), [], 0
    for number, record in enumerate(records, start=1):
        if isinstance(record, str):
            errors.add(number, record)
        elif len(record) != len(columns):
            errors.add(number, f"{len(record)} fields where the header has {len(columns)}")
        else:
            rows.append((number, dict(zip(columns, record, strict=True))))
    return Rows(columns, rows, number, errors)


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield str(error)
            continue
        if record:
            yield record


def _header(record: list[str] | str | None) -> list[str]:
    if record is None:
        raise JobError("document_empty", "There is not even a header.")
    if isinstance(record, str):
        raise JobError("header_unreadable", f"The header cannot be read: {record}.")
    columns = [name.strip() for name in record]
    if "" in columns or len(set(columns)) < len(columns):
        raise JobError("header_unclear", "Every column needs a name of its own in the header.")
    return columns


def _read_jsonl(content: str) -> Rows:
    errors, rows, number = Errors(), [], 0
    columns: dict[str, None] = {}
    lines = (line for line in content.removeprefix("\ufeff").split("\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        row = _json_object(line)
        if isinstance(row, str):
            errors.add(number, row)
        else:
            rows.append((number, row))
            columns.update(dict.fromkeys(row))
    if not number:
        raise JobError("document_empty", "There is not a single line.")
    return Rows(list(columns), rows, number, errors)


def _json_object(line: str) -> dict[str, Any] | str:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.ValidationError:
        return "not a JSON object"
    except (msgspec.DecodeError, RecursionError):
        return "not JSON"
