"""The job type `screen_analysis`: a bank's text read against the rules of consumer protection."""

from __future__ import annotations

import math
from itertools import islice
from typing import Annotated, Literal

import msgspec

from pollable import job_type, report_progress
from pollable.examples.regulations import REGULATIONS, Regulation
from pollable.examples.rules import RULES, Priority, Rule

_EXAMPLE = "We cannot provide provisional credit until our investigation is completed."
_MOST_CHUNKS = 5
# The share of the risk that remains after one finding of this priority.
_REMAINING = {"p1": 0.65, "p2": 0.85, "p3": 0.95}


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An advertisement or a letter, as its reader gets it."""

    content: Annotated[str, msgspec.Meta(min_length=1, max_length=200_000, examples=[_EXAMPLE])]


class Chunk(msgspec.Struct, frozen=True, rename="camel"):
    """A span of the submitted text; the offsets count characters."""

    text: str
    start_offset: int
    end_offset: int


class Citation(msgspec.Struct, frozen=True):
    """A regulation and what in the text touches it."""

    regulation: Regulation
    chunks: list[Chunk]


class Finding(msgspec.Struct, frozen=True):
    """One thing to look at; p1 is the gravest."""

    priority: Priority
    title: str
    details: str
    citations: list[Citation]


class ScreenResult(msgspec.Struct, frozen=True, rename="camel"):
    """The findings, gravest first, and a score that grows with them from 0 towards 100."""

    type: Literal["analysis.screen.result"]
    risk_score: Annotated[int, msgspec.Meta(ge=0, le=100)]
    findings: list[Finding]


@job_type("screen_analysis", submit="/api/v1/analysis/screen", envelope="minimal")
def screen(payload: Content) -> ScreenResult:
    """Find what in an advertisement or a letter of a bank may break a rule of consumer protection."""
    findings = []
    for at, rule in enumerate(RULES, start=1):
        chunks = _chunks(rule, payload.content)
        if chunks:
            findings.append(_finding(rule, chunks))
        report_progress(100 * at / len(RULES), f"rule {at} of {len(RULES)}")
    findings.sort(key=lambda finding: finding.priority)
    return ScreenResult("analysis.screen.result", _risk_score(findings), findings)


def _chunks(rule: Rule, content: str) -> list[Chunk]:
    if rule.about and not rule.about.search(content):
        return []
    if rule.unless and rule.unless.search(content):
        return []
    matches = islice(rule.pattern.finditer(content), _MOST_CHUNKS)
    return [Chunk(match.group(), match.start(), match.end()) for match in matches]


def _finding(rule: Rule, chunks: list[Chunk]) -> Finding:
    citations = [Citation(REGULATIONS[name], chunks) for name in rule.regulations]
    return Finding(rule.priority, rule.title, rule.details, citations)


def _risk_score(findings: list[Finding]) -> int:
    return round(100 * (1 - math.prod(_REMAINING[finding.priority] for finding in findings)))
