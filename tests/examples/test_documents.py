from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.checks import ColumnRule
from pollable.examples.columns import describe
from pollable.examples.documents import (
    Batch,
    BatchReport,
    Export,
    ExportOrder,
    ImportOrder,
    ImportReport,
    SourceDocument,
    document_processing,
    export,
    import_rows,
)
from pollable.examples.rows import RowError, RowFormat

ORDERS = """id,placed,amount,paid,customer
00017,2026-01-05,19.90,yes,"Smith, Ann"
00018,2026-01-06,5,no,
00019,2026-01-07
00020,2026-01-09,7.5,yes,Ben
"""
EVENTS = '{"at": "2026-01-05T10:00", "ms": 12}\n\n[1]\n{"at": "2026-01-05T10:01", "ms": 30, "ok": null}\n{oops}\n'
CSV_NOISE = st.lists(st.sampled_from(list("ab1,;\t|\"'\r\n. ")) | st.text(max_size=3)).map("".join)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
JSON_LINES = st.lists(
    st.dictionaries(st.text(max_size=4), JSON_VALUES).map(lambda row: msgspec.json.encode(row).decode()) | st.text()
).map("\n".join)


def rules(*columns: dict[str, Any]) -> list[ColumnRule]:
    return msgspec.convert(columns, list[ColumnRule])


def test_a_batch_is_counted_and_described() -> None:
    documents = [
        SourceDocument("orders.csv", "csv", ORDERS),
        SourceDocument("events.jsonl", "jsonl", EVENTS),
        SourceDocument("note.txt", "text", "One sentence. And another one."),
        SourceDocument("empty.csv", "csv", ""),
    ]
    report = document_processing(Batch(documents))
    assert (report.documents_processed, report.errors) == (3, 1 + 2 + 1)
    assert [one.rows for one in report.documents] == [4, 4, 0, 0]
    assert (report.documents[2].sentences, report.documents[2].words) == (2, 5)
    assert report.documents[3].error == "There is not even a header."


def test_row_errors_have_the_row_and_the_reason() -> None:
    documents = [SourceDocument("orders.csv", "csv", ORDERS), SourceDocument("events.jsonl", "jsonl", EVENTS)]
    errors = [one.row_errors for one in document_processing(Batch(documents)).documents]
    assert errors[0] == [RowError(3, "2 fields where the header has 5")]
    assert errors[1] == [RowError(2, "not a JSON object"), RowError(4, "not JSON")]


def test_no_more_than_a_hundred_row_errors_are_listed_and_all_are_counted() -> None:
    report = document_processing(Batch([SourceDocument("a.jsonl", "jsonl", "no\n" * 250)]))
    assert (report.errors, len(report.documents[0].row_errors)) == (250, 100)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["1", "-20", " 3 "], ("integer", "-20", "3"), id="integer"),
        pytest.param([1, 2.5], ("number", "1.0", "2.5"), id="number"),
        pytest.param(["00123", "4"], ("text", "1", "5"), id="code-with-leading-zero"),
        pytest.param(["1" * 40], ("text", "40", "40"), id="serial-number"),
        pytest.param(["1e999"], ("text", "5", "5"), id="too-large-for-a-number"),
        pytest.param(["nan", "inf"], ("text", "3", "3"), id="not-a-number"),
        pytest.param([True, "no"], ("boolean", "false", "true"), id="boolean"),
        pytest.param(["2026-02-28", "2024-02-29"], ("date", "2024-02-29", "2026-02-28"), id="date"),
        pytest.param(["2026-02-30"], ("text", "10", "10"), id="no-such-day"),
        pytest.param(
            ["2026-01-01T10:00Z", "2026-01-01 09:00"],
            ("datetime", "2026-01-01T09:00:00", "2026-01-01T10:00:00"),
            id="datetime",
        ),
        pytest.param(["1", "two"], ("text", "1", "3"), id="mixed"),
        pytest.param(["", None, "  "], ("empty", "", ""), id="empty"),
        pytest.param([[1], {"a": 2}], ("text", "3", "7"), id="nested"),
    ],
)
def test_a_column_has_the_narrowest_type_that_fits(values: list[Any], expected: tuple[str, str, str]) -> None:
    column = describe("a", values)
    assert (column.type, column.least, column.greatest) == expected
    assert column.filled + column.empty == len(values)


def test_a_column_of_numbers_has_a_mean() -> None:
    assert describe("a", ["1", "2", "", "6"]).mean == 3.0


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_a_table_becomes_json_lines_whatever_parts_its_fields(delimiter: str) -> None:
    content = f'\ufeffname{delimiter}city\r\n"Smith{delimiter} Ann"{delimiter}Oslo\r\nBen{delimiter}\r\n'
    result = export(ExportOrder(content, "csv", "jsonl"))
    assert result.rows == 2
    assert [msgspec.json.decode(line) for line in result.content.splitlines()] == [
        {"name": f"Smith{delimiter} Ann", "city": "Oslo"},
        {"name": "Ben", "city": ""},
    ]


def test_json_lines_become_a_table_with_the_columns_that_are_asked_for() -> None:
    content = '{"a": 1, "b": "x,y"}\n{"b": null, "c": [1, {"d": true}]}\n'
    result = export(ExportOrder(content, "jsonl", "csv", ["c", "b"]))
    assert result.content == 'c,b\r\n,"x,y"\r\n"[1,{""d"":true}]",\r\n'


def test_an_export_of_a_column_that_is_not_there_fails_with_a_code() -> None:
    with pytest.raises(JobError) as raised:
        export(ExportOrder(ORDERS, "csv", "jsonl", ["price"]))
    assert raised.value.code == "column_unknown"


def test_an_import_tells_good_rows_from_bad_ones() -> None:
    content = (
        "sku,qty,day,state\nA-1,3,2026-01-05,new\nA-2,many,2026-01-05,new\nA-1,0,05.01.2026,lost\n,4,2026-01-05,new\n"
    )
    columns = rules(
        {"name": "sku", "unique": True, "greatest": 5},
        {"name": "qty", "type": "integer", "least": 1},
        {"name": "day", "type": "date"},
        {"name": "state", "choices": ["new", "used"]},
        {"name": "remark", "required": False},
    )
    result = import_rows(ImportOrder(content, "csv", columns))
    assert (result.rows, result.accepted, result.rejected) == (4, 1, 3)
    assert [(error.row, error.reason) for error in result.row_errors] == [
        (2, 'qty: "many" is not of type integer'),
        (3, 'sku: "A-1" is in row 1 already'),
        (3, "qty: 0 is less than 1"),
        (3, 'day: "05.01.2026" is not of type date'),
        (3, 'state: "lost" is not one of the choices'),
        (4, "sku: missing"),
    ]


def test_an_import_without_a_required_column_fails_with_a_code() -> None:
    with pytest.raises(JobError) as raised:
        import_rows(ImportOrder(ORDERS, "csv", rules({"name": "price"})))
    assert raised.value.code == "column_missing"


@pytest.mark.parametrize(
    ("content", "row_format", "code"),
    [
        pytest.param("", "csv", "document_empty", id="no-header"),
        pytest.param("\n \n", "jsonl", "document_empty", id="no-line"),
        pytest.param("a,,b\n", "csv", "header_unclear", id="nameless-column"),
        pytest.param("a,b,a\n", "csv", "header_unclear", id="same-name-twice"),
        pytest.param('"a"b,c\n', "csv", "header_unreadable", id="stray-quote"),
        pytest.param(",".join(map(str, range(501))), "csv", "too_many_columns", id="wide-csv"),
        pytest.param("\n".join(f'{{"{at}":1}}' for at in range(501)), "jsonl", "too_many_columns", id="wide-jsonl"),
    ],
)
def test_a_document_without_sense_fails_with_a_code(content: str, row_format: RowFormat, code: str) -> None:
    with pytest.raises(JobError) as raised:
        export(ExportOrder(content, row_format, "csv"))
    assert raised.value.code == code


def test_progress_goes_row_by_row(run_with: Callable[..., Any]) -> None:
    recorder = run_with()
    document_processing(Batch([SourceDocument("a.csv", "csv", "n\n1\n2\n"), SourceDocument("b.csv", "csv", "n\n1\n")]))
    assert recorder.reports == [(25, "a.csv: row 1 of 2"), (50, "a.csv: row 2 of 2"), (100, "b.csv: row 1 of 1")]


@settings(deadline=None)
@given(CSV_NOISE | JSON_LINES | st.text(), st.sampled_from(["csv", "jsonl", "text"]))
def test_any_document_is_reported_on(content: str, form: str) -> None:
    batch = msgspec.convert({"documents": [{"name": "a", "format": form, "content": content}]}, Batch)
    result = document_processing(batch)
    assert msgspec.json.decode(msgspec.json.encode(result), type=BatchReport) == result


@settings(deadline=None)
@given(CSV_NOISE | JSON_LINES, st.sampled_from(["csv", "jsonl"]), st.sampled_from(["csv", "jsonl"]))
def test_any_table_is_converted_or_fails_with_a_code(
    outcome_of: Callable[..., Any], content: str, source: RowFormat, target: RowFormat
) -> None:
    result = outcome_of(export, ExportOrder(content, source, target))
    if isinstance(result, JobError):
        assert result.code
    else:
        assert msgspec.json.decode(msgspec.json.encode(result), type=Export) == result


@settings(deadline=None)
@given(CSV_NOISE | JSON_LINES, st.sampled_from(["csv", "jsonl"]), st.sampled_from(["integer", "datetime", "boolean"]))
def test_any_table_is_checked_or_fails_with_a_code(
    outcome_of: Callable[..., Any], content: str, row_format: RowFormat, kind: str
) -> None:
    columns = rules({"name": "a", "type": kind, "required": False, "unique": True, "least": 1, "greatest": 2})
    result = outcome_of(import_rows, ImportOrder(content, row_format, columns))
    if isinstance(result, JobError):
        assert result.code
    else:
        assert result.accepted + result.rejected == result.rows
        assert msgspec.json.decode(msgspec.json.encode(result), type=ImportReport) == result


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("ab"), st.text(min_size=1), min_size=2), min_size=1))
def test_what_is_exported_reads_back_the_same(rows: list[dict[str, str]]) -> None:
    lines = "\n".join(msgspec.json.encode(row).decode() for row in rows)
    table = export(ExportOrder(lines, "jsonl", "csv", ["a", "b"])).content
    back = export(ExportOrder(table, "csv", "jsonl")).content
    assert [msgspec.json.decode(line) for line in back.split("\n") if line] == rows
