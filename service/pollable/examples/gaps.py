"""The job type `GAP_DETECTION`: which requirements a set of documents does not meet, by their words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.english import FUNCTION_WORDS
from pollable.examples.previews import Document
from pollable.examples.prose import statements, stem, words

Coverage = Literal["covered", "partial", "missing"]
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*)$", re.MULTILINE)
# "Backups are not tested" and "Backups: to be defined" have the words of a requirement and do not meet it.
_DENIED = re.compile(
    r"\b(?:not|no|never|none|nobody|without|lacks?|lacking|missing|tbd|todo|to be (?:defined|decided|determined))\b"
    r"|n['\u2019]t\b",
    re.IGNORECASE,
)
_COVERED, _PARTIAL = 0.75, 0.4


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the documents have to say."""

    text: Annotated[
        str, msgspec.Meta(min_length=1, max_length=1_000, examples=["Backups are encrypted and tested every month."])
    ]
    id: Annotated[str, msgspec.Meta(max_length=100)] = ""


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The requirements, and the documents in which to look for them; Markdown headings begin sections."""

    requirements: Annotated[list[Requirement], msgspec.Meta(min_length=1, max_length=200)]
    documents: Annotated[list[Document], msgspec.Meta(min_length=1, max_length=50)]


class Evidence(msgspec.Struct, frozen=True):
    """Where a requirement comes nearest to being met."""

    document: str
    section: str
    text: str


class Gap(msgspec.Struct, frozen=True, rename="camel"):
    """How a requirement fares: `score` is the share of its telling words that the evidence has.

    What is `denied`, such as "not tested" for "tested", is met in part at most.
    """

    id: str
    requirement: str
    coverage: Coverage
    score: Annotated[float, msgspec.Meta(ge=0, le=1)]
    missing_words: list[str]
    denied: bool
    evidence: Evidence | None


class GapReport(msgspec.Struct, frozen=True):
    """The counts, and every requirement in the order in which they were given."""

    covered: int
    partial: int
    missing: int
    findings: list[Gap]


class _Said(msgspec.Struct, frozen=True):
    text: str
    stems: frozenset[str]
    denied: bool


class _Place(msgspec.Struct, frozen=True):
    """A sentence and the next one of its section, below the heading of both."""

    document: str
    section: str
    heading: frozenset[str]
    said: list[_Said]


@job_type("GAP_DETECTION", envelope="record")
def gap_detection(payload: Comparison) -> GapReport:
    """Find the requirements that documents leave out, meet in part or deny, with the passage that comes nearest.

    Words are compared by their stems and not by what they mean: a requirement that is met in other words is a gap.
    """
    places = [place for at, document in enumerate(payload.documents, start=1) for place in _places(document, at)]
    if not places:
        raise JobError("nothing_to_compare", "The documents hold nothing to read.")
    findings = []
    for at, requirement in enumerate(payload.requirements, start=1):
        findings.append(_gap(requirement, places, number=at))
        report_progress(100 * at / len(payload.requirements), f"requirement {at} of {len(payload.requirements)}")
    counts = Counter(gap.coverage for gap in findings)
    return GapReport(counts["covered"], counts["partial"], counts["missing"], findings)


def _places(document: Document, number: int) -> Iterator[_Place]:
    name = document.title or f"document {number}"
    # re.split gives the text before the first heading, then headings and texts in turn.
    parts = ["", *_HEADING.split(document.text)]
    for line, text in zip(parts[::2], parts[1::2], strict=True):
        section = line.strip(" \t\r#")
        said = [_Said(one, _telling(one), bool(_DENIED.search(one))) for one in statements(text)]
        for at in range(len(said)):
            yield _Place(name, section, _telling(section), said[at : at + 2])


def _gap(requirement: Requirement, places: list[_Place], *, number: int) -> Gap:
    wanted, denied = _telling(requirement.text), bool(_DENIED.search(requirement.text))
    if not wanted:
        raise JobError("requirement_unclear", f"Requirement {number} has no telling word: {requirement.text[:100]!r}.")

    def meets(place: _Place) -> tuple[int, bool, int]:
        telling = _sentences(place, wanted)
        found = wanted & place.heading.union(*(one.stems for one in telling))
        # Of places with as many words the one that says the same, and then the shorter one.
        return len(found), any(one.denied for one in telling or place.said) == denied, -len(telling)

    best = max(places, key=meets)
    count, agrees, _ = meets(best)
    score = count / len(wanted)
    coverage: Coverage = "missing" if score < _PARTIAL else "covered" if score >= _COVERED and agrees else "partial"
    telling = _sentences(best, wanted)
    absent = wanted - best.heading.union(*(one.stems for one in telling))
    missing = dict.fromkeys(word for word in words(requirement.text) if stem(word) in absent)
    quote = " ".join(one.text for one in telling or best.said)
    evidence = None if coverage == "missing" else Evidence(best.document, best.section, quote)
    return Gap(
        requirement.id,
        requirement.text,
        coverage,
        round(score, 2),
        list(missing),
        bool(evidence) and not agrees,
        evidence,
    )


def _sentences(place: _Place, wanted: frozenset[str]) -> list[_Said]:
    return [one for one in place.said if one.stems & wanted]


def _telling(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text.lower()) if word[0].isdigit() or _is_open(word))


def _is_open(word: str) -> bool:
    return len(word) > 2 and word not in FUNCTION_WORDS
