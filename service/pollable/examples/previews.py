"""The job types `AI_PREVIEW` and `PARSE_DOCUMENT`: a first look at documents, in short or in parts."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.markup import Heading, Link, Table, markdown_to_html, outline
from pollable.examples.prose import sentences, statements
from pollable.examples.summary import Passage, key_words, passage, summarise

_PROMPT = "Summarise the market risks and what farmers can do about them."


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One document to read."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=200_000, description="English prose.")]
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""


class Preview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt and what to answer it from."""

    prompt: Annotated[
        str, msgspec.Meta(min_length=1, max_length=4_000, description="What to look for.", examples=[_PROMPT])
    ]
    documents: Annotated[list[Document], msgspec.Meta(min_length=1, max_length=50)]
    sentences: Annotated[int, msgspec.Meta(ge=1, le=20, description="How long the answer may be, in sentences.")] = 4


class PreviewOutput(msgspec.Struct, frozen=True):
    """The answer, in the documents' own sentences."""

    output: str


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with markup."""

    content: Annotated[str, msgspec.Meta(min_length=1, max_length=200_000)]
    format: Literal["markdown", "html"]


class Parts(msgspec.Struct, frozen=True):
    """What a document consists of; `words` counts the text that a reader sees."""

    title: str
    headings: list[Heading]
    tables: list[Table]
    links: list[Link]
    words: int


@job_type("AI_PREVIEW", submit="/api/admin/prompts/preview", envelope="record", max_attempts=3)
def preview(payload: Preview) -> PreviewOutput:
    """Answer a prompt with the sentences of the documents that say most about it."""
    passages: list[Passage] = []
    for at, document in enumerate(payload.documents):
        # Notes without full stops are better than nothing.
        for number, text in enumerate(sentences(document.text) or statements(document.text)):
            passages.append(passage(text, document=at, number=number))
        report_progress(80 * (at + 1) / len(payload.documents), f"document {at + 1} of {len(payload.documents)}")
    chosen = summarise(passages, key_words(payload.prompt), count=payload.sentences)
    if not chosen:
        raise JobError("nothing_to_summarise", "The documents hold nothing to read.")
    return PreviewOutput(" ".join(one.text for one in chosen))


@job_type("PARSE_DOCUMENT", envelope="record")
def parse_document(payload: Page) -> Parts:
    """Take the headings, tables and links out of a Markdown or HTML document."""
    html = markdown_to_html(payload.content) if payload.format == "markdown" else payload.content
    report_progress(50, "markup read")
    page = outline(html)
    first = page.headings[0].text if page.headings else ""
    return Parts(page.title or first, page.headings, page.tables, page.links, page.words)
