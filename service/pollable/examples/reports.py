"""The job type `REPORT_GENERATION`: a report out of texts and tables, as Markdown or as a page of HTML."""

from __future__ import annotations

import html
import re
from typing import Annotated, Any, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.columns import Column, describe
from pollable.examples.markup import markdown_to_html, outline
from pollable.examples.rows import RowFormat, as_text, read_rows

_NUMBERS = frozenset(["integer", "number"])
_MOST_SHOWN = 100
_MOST_COLUMNS = 20
# ASCII punctuation that means something to CommonMark wherever it stands.
_MARKUP = re.compile(r"[\\`*_\[\]<>#|&~!]")


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table as CSV or JSON lines."""

    content: Annotated[str, msgspec.Meta(max_length=200_000, examples=["fruit,price\napple,1.20\n"])]
    format: RowFormat


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the report: a heading, and below it a text, a table, or both."""

    heading: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: Annotated[str, msgspec.Meta(max_length=50_000, description="Paragraphs, parted by empty lines.")] = ""
    table: Data | None = None


class ReportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to report, and in which form."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    sections: Annotated[list[Section], msgspec.Meta(min_length=1, max_length=50)]
    format: Literal["markdown", "html"] = "markdown"


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """The report; `rowErrors` counts the rows that could not be read and are left out."""

    format: Literal["markdown", "html"]
    content: str
    sections: int
    rows: int
    words: int
    row_errors: int


class _Written(msgspec.Struct):
    lines: list[str]
    rows: int = 0
    row_errors: int = 0


@job_type("REPORT_GENERATION", envelope="record")
def report_generation(payload: ReportOrder) -> Report:
    """Write a report with numbered sections, a table of contents, and figures below each table.

    Whatever is submitted is text and stays text: neither its Markdown nor its HTML takes effect.
    """
    headings = [f"{at}. {_plain(section.heading)}" for at, section in enumerate(payload.sections, start=1)]
    written = _Written([f"# {_plain(payload.title)}", "", "Contents:", "", *headings])
    for at, (heading, section) in enumerate(zip(headings, payload.sections, strict=True), start=1):
        written.lines += ["", f"## {heading}"]
        _write(section, written)
        report_progress(100 * at / len(headings), f"section {at} of {len(headings)}")
    markdown = "\n".join(written.lines) + "\n"
    page = markdown_to_html(markdown)
    content = markdown if payload.format == "markdown" else _page(payload.title, page)
    counts = {"sections": len(headings), "rows": written.rows, "row_errors": written.row_errors}
    return Report(payload.format, content, words=outline(page).words, **counts)


def _write(section: Section, written: _Written) -> None:
    for paragraph in re.split(r"\n[ \t]*\n", section.text):
        if text := _plain(paragraph):
            written.lines += ["", text]
    if section.table:
        try:
            _write_table(section.table, written)
        except JobError as error:
            raise JobError(error.code, f"Section {section.heading!r}: {error}") from None


def _write_table(data: Data, written: _Written) -> None:
    table = read_rows(data.content, data.format)
    if not table.columns:
        raise JobError("table_empty", "The table has no row that can be read.")
    if len(table.columns) > _MOST_COLUMNS:
        raise JobError("table_too_wide", f"A page has room for {_MOST_COLUMNS} columns, not for {len(table.columns)}.")
    rows = [row for _, row in table.rows]
    columns = [describe(name, [row.get(name) for row in rows]) for name in table.columns]
    rules = ["---:" if column.type in _NUMBERS else "---" for column in columns]
    written.lines += ["", _row(table.columns), _row(rules, plain=False)]
    written.lines += [_row([row.get(name) for name in table.columns]) for row in rows[:_MOST_SHOWN]]
    notes = [_figures(column) for column in columns if column.type in _NUMBERS]
    if len(rows) > _MOST_SHOWN:
        notes.insert(0, f"The first {_MOST_SHOWN} of {len(rows)} rows are shown.")
    if table.errors.rows:
        notes.append(f"Rows that could not be read and are left out: {len(table.errors.rows)}.")
    written.lines += ["", " ".join(notes)] if notes else []
    written.rows += len(rows)
    written.row_errors += len(table.errors.rows)


def _figures(column: Column) -> str:
    return f"{_plain(column.name)}: {column.least} to {column.greatest}, mean {column.mean}, {column.empty} empty."


def _row(cells: list[Any], *, plain: bool = True) -> str:
    texts = [_plain(as_text(cell)) if plain else cell for cell in cells]
    return f"| {' | '.join(texts)} |"


def _plain(text: str) -> str:
    """Write a text as one line that means nothing but itself in Markdown."""
    line = _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
    # These open a list, or draw a line, where they begin one.
    return re.sub(r"^(\d{1,9})([.)])(?=\s|$)|^([-+])(?=[\s-]|$)", r"\1\\\2\3", line)


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(title)}</title></head>\n'
        f"<body>\n{body}</body>\n</html>\n"
    )
