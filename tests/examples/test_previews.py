import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.markup import Heading, Link, Table
from pollable.examples.previews import Document, Page, Parts, Preview, PreviewOutput, parse_document, preview

FARMS = (
    "Prices at the farm gate fall by 40 percent after the harvest, and this volatility is the main market risk. "
    "The villages are pretty in spring. Only one farmer in ten has a contract with a buyer. The survey took a week. "
    "Roads are impassable during the rains, so that access to the market is the second risk that farmers name."
)
HTML = """<!doctype html><html><head><title>Price list</title><style>h1 {color: red}</style></head><body>
<h1>Prices &amp; <em>terms</em></h1><script>alert("<h2>no</h2>")</script>
<p>See <a href="/list?a=1&amp;b=2">the <b>list</b></a> or <a name="here">this</a>.</p>
<table><tr><th>Fruit<th>Price</tr><tr><td>Apple<td>1.20<tr><td colspan=2>sold out</table>
<h2>Unclosed"""
MARKDOWN = """Prices
======

See [the list](https://example.org/list), <https://example.org> or [ref][1].

```
# no heading
[no link](https://example.org/no)
```

## Fruit *and* more

| Fruit | Price |
|:--|--:|
| Apple | **1.20** |
| Pear |

[1]: https://example.org/ref
"""
NOISE = (
    st.lists(
        st.sampled_from(
            ["<table>", "<tr>", "<td>", "</td>", "<th colspan=9999999>", "</table>", "<a href=x>", "</a>", "<h1>"]
        )
        | st.sampled_from(
            ["</h6>", "<script>", "</script>", "<!--", "-->", "<title>", "&#x0;", "<", "| a |", "|--|", "\n# "]
        )
        | st.text(max_size=10),
        min_size=1,
    )
    .map("".join)
    .filter(bool)
)


def test_the_preview_answers_the_prompt_and_leaves_out_what_it_does_not_ask_for() -> None:
    output = preview(Preview("What are the market risks?", [Document(FARMS)], sentences=2)).output
    assert "main market risk" in output
    assert "second risk" in output
    assert "pretty" not in output


def test_another_prompt_gets_another_answer() -> None:
    assert preview(Preview("Who has a contract?", [Document(FARMS)], sentences=1)).output == (
        "Only one farmer in ten has a contract with a buyer."
    )


def test_the_preview_draws_on_every_document_and_says_nothing_twice() -> None:
    storage = Document("Storage lets farmers wait out the market risk of a low price.")
    output = preview(Preview("market risks", [Document(FARMS), Document(FARMS), storage], sentences=10)).output
    assert "Storage lets" in output
    assert output.count("main market risk") == 1


def test_notes_without_full_stops_are_previewed_too() -> None:
    assert preview(Preview("risk", [Document("- high risk\n- low price")], sentences=1)).output == "high risk"


def test_documents_with_nothing_to_read_fail_with_a_code() -> None:
    with pytest.raises(JobError) as raised:
        preview(Preview("risk", [Document("  \n")]))
    assert raised.value.code == "nothing_to_summarise"


def test_html_gives_its_headings_tables_and_links() -> None:
    assert parse_document(Page(HTML, "html")) == Parts(
        "Price list",
        [Heading(1, "Prices & terms"), Heading(2, "Unclosed")],
        [Table(["Fruit", "Price"], [["Apple", "1.20"], ["sold out", ""]])],
        [Link("the list", "/list?a=1&b=2")],
        words=16,
    )


def test_markdown_gives_its_headings_tables_and_links() -> None:
    parts = parse_document(Page(MARKDOWN, "markdown"))
    assert parts.title == "Prices"
    assert parts.headings == [Heading(1, "Prices"), Heading(2, "Fruit and more")]
    assert parts.tables == [Table(["Fruit", "Price"], [["Apple", "1.20"], ["Pear", ""]])]
    assert [link.url for link in parts.links] == [
        "https://example.org/list",
        "https://example.org",
        "https://example.org/ref",
    ]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("<!-- <h1>no</h1> --><h1>yes</h1>", ["yes"]),
        ("<!--[if !IE]><!--><h1>yes</h1><!--<![endif]-->", ["yes"]),
        ("<h1>yes</h1><!-- <h1>no</h1>", ["yes"]),
    ],
    ids=["comment", "conditional", "never-closed"],
)
def test_what_a_comment_hides_is_not_read(content: str, texts: list[str]) -> None:
    assert [heading.text for heading in parse_document(Page(content, "html")).headings] == texts


@pytest.mark.parametrize(
    "opened", ["<!--", "<a ", "<a href='", "<![CDATA[", "<![x>", "<?", "<!", "</a", "<script", "<a '>", "&#", "<"]
)
def test_a_page_of_what_is_opened_and_never_closed_is_read_in_good_time(opened: str) -> None:
    started = time.monotonic()
    parse_document(Page((opened * 200_000)[:200_000], "html"))
    assert time.monotonic() - started < 5


def test_a_picture_within_a_page_hides_nothing_that_follows_it() -> None:
    picture = f'<img src="data:image/png;base64,{"A" * 5_000}" alt="a"><h1>yes</h1>'
    assert [heading.text for heading in parse_document(Page(picture, "html")).headings] == ["yes"]


def test_a_table_inside_a_table_is_a_table_of_its_own() -> None:
    page = Page("<table><tr><td>a<table><tr><td>b</table></td><td>c</table>", "html")
    assert parse_document(page).tables == [Table([], [["b"]]), Table([], [["a", "c"]])]


@settings(deadline=None)
@given(NOISE)
@pytest.mark.parametrize("form", ["markdown", "html"])
def test_any_markup_gives_parts(form: str, content: str) -> None:
    result = parse_document(msgspec.convert({"content": content, "format": form}, Page))
    assert msgspec.json.decode(msgspec.json.encode(result), type=Parts) == result


@settings(deadline=None)
@given(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_documents_give_a_preview_or_an_error_with_a_code(
    outcome_of: Callable[..., Any], prompt: str, documents: list[str]
) -> None:
    result = outcome_of(preview, Preview(prompt, [Document(text) for text in documents]))
    if isinstance(result, JobError):
        assert result.code == "nothing_to_summarise"
    else:
        assert msgspec.json.decode(msgspec.json.encode(result), type=PreviewOutput) == result
