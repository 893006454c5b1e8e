"""Reading HTML, and Markdown by way of HTML: headings, tables and links."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
from markdown_it import MarkdownIt

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SILENT = frozenset(["script", "style", "template", "noscript"])
_BLOCKS = frozenset(["p", "div", "br", "li", "tr", "td", "th", "section", "article", "pre", "blockquote", "dd", "dt"])
_COMMENT_END = re.compile(r"--!?>|^-?>")
_LONGEST_TAG = 4_096
# A page may claim a cell a million columns wide.
_WIDEST_SPAN = 50


class Heading(msgspec.Struct, frozen=True):
    """A heading; `level` is 1 for the highest."""

    level: int
    text: str


class Table(msgspec.Struct, frozen=True):
    """A table; `header` is empty where it has none."""

    header: list[str]
    rows: list[list[str]]


class Link(msgspec.Struct, frozen=True):
    """A link as it was written; its address is neither resolved nor visited."""

    text: str
    url: str


class _OpenTable:
    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self._is_header: list[bool] = []
        self._cell: list[str] | None = None
        self._span = 1

    def begin_row(self) -> None:
        self.end_cell()
        self._rows.append([])

    def begin_cell(self, tag: str, span: str) -> None:
        self.end_cell()
        if not self._rows:
            self._rows.append([])
        self._cell = []
        self._span = min(max(int(span[:4]), 1), _WIDEST_SPAN) if span.isascii() and span.isdigit() else 1
        if len(self._rows) == 1:
            self._is_header.append(tag == "th")

    def add(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def end_cell(self) -> None:
        if self._cell is not None:
            self._rows[-1] += [_plain(self._cell), *[""] * (self._span - 1)]
            self._cell = None

    def finished(self) -> Table:
        self.end_cell()
        has_header = bool(self._is_header) and all(self._is_header)
        rows = self._rows[has_header:]
        return Table(self._rows[0] if has_header else [], [row for row in rows if row])


class Outline(HTMLParser):
    """What a page consists of, gathered while it is fed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.headings: list[Heading] = []
        self.tables: list[Table] = []
        self.links: list[Link] = []
        self.title = ""
        self.base = ""
        self.words = 0
        self._silent = ""
        self._heading: tuple[int, list[str]] | None = None
        self._link: tuple[str, list[str]] | None = None
        self._title: list[str] | None = None
        self._open: list[_OpenTable] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open what the tag opens."""
        given = {name: value or "" for name, value in attrs}
        if tag in _SILENT:
            self._silent = self._silent or tag
        elif tag in _HEADINGS:
            self._end_heading()
            self._heading = (_HEADINGS[tag], [])
        elif tag == "a" and given.get("href"):
            self._end_link()
            self._link = (given["href"].strip(), [])
        elif tag == "base":
            self.base = self.base or given.get("href", "").strip()
        elif tag == "title":
            self._title = []
        elif tag == "img" and given.get("alt"):
            self.handle_data(given["alt"])
        self._open_table_part(tag, given)
        if tag in _BLOCKS:
            self._add(" ")

    def handle_endtag(self, tag: str) -> None:
        """Close what the tag closes."""
        if tag == self._silent:
            self._silent = ""
        elif tag in _HEADINGS:
            self._end_heading()
        elif tag == "a":
            self._end_link()
        elif tag == "title" and self._title is not None:
            self.title, self._title = self.title or _plain(self._title), None
        elif tag == "table" and self._open:
            self.tables.append(self._open.pop().finished())
        elif tag in {"td", "th", "tr"} and self._open:
            self._open[-1].end_cell()

    def handle_data(self, data: str) -> None:
        """Give the text to everything that is open."""
        if not self._silent:
            self.words += len(data.split()) if self._title is None else 0
            self._add(data)

    def close(self) -> None:
        """End the page, and what it left open."""
        super().close()
        self._end_heading()
        self._end_link()
        while self._open:
            self.handle_endtag("table")

    def _add(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)
        for open_part in (self._heading, self._link):
            if open_part:
                open_part[1].append(data)
        if self._open:
            self._open[-1].add(data)

    def _open_table_part(self, tag: str, given: dict[str, str]) -> None:
        if tag == "table":
            self._open.append(_OpenTable())
        elif self._open and tag == "tr":
            self._open[-1].begin_row()
        elif self._open and tag in {"td", "th"}:
            self._open[-1].begin_cell(tag, given.get("colspan", ""))

    def _end_heading(self) -> None:
        if self._heading:
            level, text = self._heading
            self._heading = None
            if _plain(text):
                self.headings.append(Heading(level, _plain(text)))

    def _end_link(self) -> None:
        if self._link:
            url, text = self._link
            self._link = None
            self.links.append(Link(_plain(text), url))


def outline(html: str) -> Outline:
    """Read a page, or a part of one, however badly it is formed."""
    # Before 3.11.14 HTMLParser takes time that grows with the square of the comments and tags that are never closed.
    parser = Outline()
    parser.feed(_without_endless_tags(_without_comments(html)))
    parser.close()
    return parser


def markdown_to_html(text: str) -> str:
    """Turn CommonMark with tables into HTML."""
    html: str = MarkdownIt("commonmark").enable("table").render(text)
    return html


def _without_endless_tags(html: str) -> str:
    """Make text of what opens like a tag and does not end soon, and ordinary declarations of marked sections."""
    *parts, rest = html.replace("<![", "<!").split(">")
    kept = [part[:-_LONGEST_TAG].replace("<", "&lt;") + part[-_LONGEST_TAG:] for part in parts]
    return ">".join([*kept, rest.replace("<", "&lt;")])


def _without_comments(html: str) -> str:
    first, *others = html.split("<!--")
    ends = [(part, _COMMENT_END.search(part)) for part in others]
    return first + "".join(part[end.end() :] for part, end in ends if end)


def _plain(parts: list[str]) -> str:
    return " ".join("".join(parts).split())
