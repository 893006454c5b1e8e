"""The job types `document_processing`, `export` and `import`: tables and texts on their way in and out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.checks import ColumnRule, RowCheck
from pollable.examples.columns import Column, describe
from pollable.examples.prose import sentences, words
from pollable.examples.rows import Errors, RowError, RowFormat, Rows, read_rows, write_rows

Content = Annotated[str, msgspec.Meta(max_length=1_000_000, description="The document itself.")]


class SourceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document to process."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200, examples=["orders.csv"])]
    format: Literal["csv", "jsonl", "text"]
    content: Content


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The documents to process."""

    documents: Annotated[list[SourceDocument], msgspec.Meta(min_length=1, max_length=100)]


class DocumentReport(msgspec.Struct, frozen=True, rename="camel"):
    """What a document holds: columns for a table, sentences and words for a text."""

    name: str
    rows: int = 0
    columns: list[Column] = msgspec.field(default_factory=list)
    sentences: int = 0
    words: int = 0
    row_errors: list[RowError] = msgspec.field(default_factory=list)
    error: str | None = None


class BatchReport(msgspec.Struct, frozen=True, rename="camel"):
    """`errors` counts the rows that could not be read, and each document that could not be read at all."""

    documents_processed: int
    errors: int
    documents: list[DocumentReport]


class ExportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A table to convert; `columns` chooses and orders what is exported."""

    content: Content
    source_format: RowFormat
    target_format: RowFormat
    columns: Annotated[list[str], msgspec.Meta(max_length=500)] = msgspec.field(default_factory=list)


class Export(msgspec.Struct, frozen=True, rename="camel"):
    """The converted table, without the rows that could not be read."""

    format: RowFormat
    rows: int
    content: str
    errors: int
    row_errors: list[RowError]


class ImportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table and what its columns must hold."""

    content: Content
    format: RowFormat
    columns: Annotated[list[ColumnRule], msgspec.Meta(min_length=1, max_length=500)]


class ImportReport(msgspec.Struct, frozen=True, rename="camel"):
    """How many rows could be imported; of the others the first hundred errors."""

    rows: int
    accepted: int
    rejected: int
    row_errors: list[RowError]


@job_type("document_processing", envelope="managed")
def document_processing(payload: Batch) -> BatchReport:
    """Count the rows and words of CSV, JSON lines and text documents, and describe every column."""
    reports, errors = [], 0
    for at, document in enumerate(payload.documents):
        try:
            report, failed = _process(document, done=at / len(payload.documents), share=1 / len(payload.documents))
        except JobError as error:
            report, failed = DocumentReport(document.name, error=str(error)), 1
        reports.append(report)
        errors += failed
    return BatchReport(sum(report.error is None for report in reports), errors, reports)


@job_type("export", envelope="managed")
def export(payload: ExportOrder) -> Export:
    """Convert a table between CSV and JSON lines, with the columns that are asked for."""
    table = read_rows(payload.content, payload.source_format)
    columns = payload.columns or table.columns
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        raise JobError("column_unknown", f"The table has no column {unknown[0][:100]!r}.")
    rows: list[dict[str, Any]] = []
    for number, row in table.rows:
        rows.append(row)
        report_progress(90 * number / table.count, f"row {number} of {table.count}")
    content = write_rows(columns, rows, payload.target_format)
    return Export(payload.target_format, len(rows), content, len(table.errors.rows), table.errors.kept)


@job_type("import", envelope="managed")
def import_rows(payload: ImportOrder) -> ImportReport:
    """Check every row of a table against the rules for its columns."""
    table = read_rows(payload.content, payload.format)
    missing = [rule.name for rule in payload.columns if rule.required and rule.name not in table.columns]
    if missing and table.rows:
        raise JobError("column_missing", f"The table has no column {missing[0]!r}.")
    problems = _problems(table, RowCheck(payload.columns))
    rejected = len(problems.rows)
    return ImportReport(table.count, table.count - rejected, rejected, problems.kept)


def _problems(table: Rows, check: RowCheck) -> Errors:
    for number, row in table.rows:
        for problem in check.problems(number, row):
            table.errors.add(number, problem)
        report_progress(100 * number / table.count, f"row {number} of {table.count}")
    return table.errors


def _process(document: SourceDocument, *, done: float, share: float) -> tuple[DocumentReport, int]:
    if document.format == "text":
        found = sentences(document.content)
        report_progress(100 * (done + share), document.name)
        return DocumentReport(document.name, sentences=len(found), words=len(words(document.content))), 0
    table = read_rows(document.content, document.format)
    cells: dict[str, list[Any]] = {name: [] for name in table.columns}
    for number, row in table.rows:
        for name in table.columns:
            cells[name].append(row.get(name))
        report_progress(100 * (done + share * number / table.count), f"{document.name}: row {number} of {table.count}")
    columns = [describe(name, values) for name, values in cells.items()]
    errors = table.errors
    return DocumentReport(document.name, table.count, columns, row_errors=errors.kept), len(errors.rows)
