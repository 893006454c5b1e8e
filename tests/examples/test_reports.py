import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.markup import Heading, Table, markdown_to_html, outline
from pollable.examples.reports import Data, Report, ReportOrder, Section, report_generation

PRICES = Data("fruit,price,note\napple,1.20,a|b\npear,2,\nplum\n", "csv")
HARVEST = ReportOrder("Harvest", [Section("Prices", "They fell.\n\nAgain.", PRICES), Section("What next?", "Wait.")])
MARKDOWN = """# Harvest

Contents:

1. Prices
2. What next?

## 1. Prices

They fell.

Again.

| fruit | price | note |
| --- | ---: | --- |
| apple | 1.20 | a\\|b |
| pear | 2 |  |

price: 1.2 to 2.0, mean 1.6, 0 empty. Rows that could not be read and are left out: 1.

## 2. What next?

Wait.
"""
FORMATS = ["markdown", "html"]


def as_html(*sections: Section, title: str = "Title") -> str:
    return report_generation(ReportOrder(title, list(sections), "html")).content


def code_of(data: Data) -> str:
    with pytest.raises(JobError, match="Section 'Prices'") as raised:
        report_generation(ReportOrder("Title", [Section("Prices", table=data)]))
    return raised.value.code


def test_a_report_has_contents_sections_tables_and_figures() -> None:
    assert report_generation(HARVEST) == Report("markdown", MARKDOWN, sections=2, rows=2, words=41, row_errors=1)


def test_the_page_says_what_the_markdown_says() -> None:
    page = outline(report_generation(ReportOrder(HARVEST.title, HARVEST.sections, "html")).content)
    assert page.title == "Harvest"
    assert page.headings == [Heading(1, "Harvest"), Heading(2, "1. Prices"), Heading(2, "2. What next?")]
    assert page.tables == [Table(["fruit", "price", "note"], [["apple", "1.20", "a|b"], ["pear", "2", ""]])]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "**bold** _it_ `code` ~~gone~~",
        "[a](javascript:alert(1)) <https://example.org> ![x](y)",
        "# no heading",
        "1. no list",
        "- no list",
        "+ no list",
        "--- no line",
        "---",
        "| a | b |\n|---|---|\n| c | d |",
        "a\n===",
        "&amp; &lt;b&gt; \\* \\",
        "> no quotation",
        "[1]: https://example.org",
        "-5 degrees, 1.5 metres, 3) none",
    ],
)
def test_what_is_submitted_is_text_and_stays_text(text: str) -> None:
    cell = Data(msgspec.json.encode({"a": text}).decode(), "jsonl")
    page = as_html(Section(text, text, cell), title=text)
    shown = outline(page)
    said = " ".join(text.split())
    assert (shown.title, shown.headings) == (said, [Heading(1, said), Heading(2, f"1. {said}")])
    assert shown.links == []
    assert len(shown.tables) == 1
    assert not re.search("<(?:script|em|strong|code|pre|a|img|hr|ul|blockquote)[ >]", page)


@settings(deadline=None)
@given(st.text(min_size=1), st.text(), st.text(), st.sampled_from(FORMATS))
def test_any_text_stays_text(heading: str, text: str, cell: str, form: Any) -> None:
    order = ReportOrder(heading, [Section(heading, text, Data(f"a\n{cell}", "csv")), Section("End")], form)
    try:
        content = report_generation(order).content
    except JobError:
        return
    page = outline(content if form == "html" else markdown_to_html(content))
    assert [found.level for found in page.headings if found.text] in ([1, 2, 2], [2, 2])
    assert (len(page.links), len(page.tables)) == (0, 1)


def test_a_long_table_is_shown_in_part_and_figured_as_a_whole() -> None:
    rows = "\n".join(str(number) for number in range(1, 301))
    report = report_generation(ReportOrder("Title", [Section("Numbers", table=Data(f"n\n{rows}", "csv"))]))
    assert "| 100 |\n\nThe first 100 of 300 rows are shown. n: 1 to 300, mean 150.5, 0 empty." in report.content
    assert report.rows == 300


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (Data("", "csv"), "document_empty"),
        (Data("a,a\n1,2\n", "csv"), "header_unclear"),
        (Data("{}\n", "jsonl"), "table_empty"),
        (Data(",".join(f"c{n}" for n in range(21)), "csv"), "table_too_wide"),
    ],
)
def test_a_table_that_cannot_be_read_fails_with_a_code_and_names_its_section(data: Data, code: str) -> None:
    assert code_of(data) == code


def test_each_section_is_reported(run_with: Callable[..., Any]) -> None:
    recorder = run_with()
    report_generation(HARVEST)
    assert recorder.reports == [(50, "section 1 of 2"), (100, "section 2 of 2")]
