"""The job type `audit_analysis`: what a company's people say, turned into themes, bottlenecks and opportunities."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID, uuid5

import msgspec

from pollable import JobError, job_context, job_type, report_progress
from pollable.examples.bottlenecks import BOTTLENECKS, Bottleneck
from pollable.examples.durations import time_spent
from pollable.examples.prose import statements, stem
from pollable.examples.terms import Vocabulary

Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Severity = Literal["high", "medium", "low"]
_MOST_THEMES = 8
_MOST_QUOTES = 3
_LEAST_THEME_WEIGHT = 0.4


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A survey question as one person answered it."""

    question: Text
    answer: Annotated[
        Text, msgspec.Meta(examples=["We copy every order into the spreadsheet by hand, 6 hours a week."])
    ]
    respondent: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An auditor's note on a process."""

    text: Text
    process: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was gathered for the audit: answers, notes, or both."""

    answers: Annotated[list[Answer], msgspec.Meta(max_length=2_000)] = msgspec.field(default_factory=list)
    notes: Annotated[list[Note], msgspec.Meta(max_length=2_000)] = msgspec.field(default_factory=list)


class Quote(msgspec.Struct, frozen=True):
    """What somebody said, and who or where."""

    text: str
    source: str


class Theme(msgspec.Struct, frozen=True):
    """What people speak of."""

    name: str
    mentions: int
    sources: int
    quotes: list[Quote]


class BottleneckFound(msgspec.Struct, frozen=True, rename="camel"):
    """What holds the work up, and how often, by how many and with how many hours it was named."""

    kind: str
    title: str
    severity: Severity
    mentions: int
    sources: int
    weekly_hours: float
    longest_wait_hours: float
    evidence: list[Quote]


class Opportunity(msgspec.Struct, frozen=True):
    """What to do about a bottleneck: `score` weighs impact, 1 to 10, against effort, 1 to 5."""

    title: str
    addresses: str
    score: Annotated[int, msgspec.Meta(ge=0, le=100)]
    impact: int
    effort: int
    rationale: str


class Analysis(msgspec.Struct, frozen=True, rename="camel"):
    """The findings; the same material of the same project always has the same `analysisId`."""

    analysis_id: UUID
    project_id: UUID
    sources: int
    statements: int
    themes: list[Theme]
    bottlenecks: list[BottleneckFound]
    opportunities: list[Opportunity]


@job_type("audit_analysis", submit="/api/agent/projects/{projectId}/audit-analysis/async", envelope="agent")
def audit_analysis(payload: Material) -> Analysis:
    """Find themes, bottlenecks and scored opportunities in survey answers and process notes."""
    project = _project()
    quotes = _quotes(payload)
    if not quotes:
        raise JobError("nothing_to_analyse", "There is neither an answer nor a note with words in it.")
    report_progress(20, f"{len(quotes)} statements read")
    themes = _themes(quotes)
    report_progress(60, f"{len(themes)} themes found")
    found = sorted(
        (bottleneck for kind in BOTTLENECKS if (bottleneck := _bottleneck(kind, quotes))),
        key=lambda one: (-_impact(one), one.kind),
    )
    report_progress(90, f"{len(found)} bottlenecks found")
    return Analysis(
        uuid5(project, msgspec.json.encode(payload).decode()),
        project,
        sources=len({quote.source for quote in quotes}),
        statements=len(quotes),
        themes=themes,
        bottlenecks=found,
        opportunities=_opportunities(found),
    )


def _project() -> UUID:
    name = job_context().context.get("projectId", "")
    try:
        project = UUID(name)
    except ValueError:
        raise JobError("project_invalid", "An analysis belongs to a project, whose projectId is a UUID.") from None
    return project


def _quotes(payload: Material) -> list[Quote]:
    said = [(answer.answer, answer.respondent or f"answer {at}") for at, answer in enumerate(payload.answers, start=1)]
    said += [(note.text, note.process or f"note {at}") for at, note in enumerate(payload.notes, start=1)]
    return [Quote(statement, source) for text, source in said for statement in statements(text)]


def _themes(quotes: list[Quote]) -> list[Theme]:
    vocabulary = Vocabulary([quote.text for quote in quotes])
    places: dict[str, dict[int, str]] = {}
    for mention in vocabulary.mentions:
        if mention.kind in {"noun", "name", "thing", "acronym"}:
            # "invoice" and "invoices" are one theme.
            key = " ".join(stem(part) for part in mention.key.split())
            places.setdefault(key, {}).setdefault(mention.sentence, mention.key)
    heavy = {
        key: found
        for key, found in places.items()
        if len(found) > 1 and _weight(found, vocabulary) > _LEAST_THEME_WEIGHT
    }
    themes = [_theme(found, quotes, vocabulary) for found in heavy.values()]
    return sorted(themes, key=lambda theme: (-theme.sources, -theme.mentions, theme.name))[:_MOST_THEMES]


def _weight(found: dict[int, str], vocabulary: Vocabulary) -> float:
    return max(vocabulary.terms[key].weight for key in found.values())


def _theme(found: dict[int, str], quotes: list[Quote], vocabulary: Vocabulary) -> Theme:
    name = max(set(found.values()), key=lambda key: (vocabulary.terms[key].weight, key))
    said = [quotes[number] for number in found]
    return Theme(vocabulary.terms[name].text, len(said), len({quote.source for quote in said}), said[:_MOST_QUOTES])


def _bottleneck(kind: Bottleneck, quotes: list[Quote]) -> BottleneckFound | None:
    said = [quote for quote in quotes if kind.pattern.search(quote.text)]
    if not said:
        return None
    times = [time_spent(quote.text) for quote in said]
    sources = len({quote.source for quote in said})
    weekly = round(sum(time.weekly_hours for time in times), 2)
    longest = max(time.longest_wait_hours for time in times)
    severity = _severity(sources, weekly, longest)
    return BottleneckFound(kind.name, kind.title, severity, len(said), sources, weekly, longest, said[:_MOST_QUOTES])


def _severity(sources: int, weekly_hours: float, longest_wait_hours: float) -> Severity:
    if sources >= 3 or weekly_hours >= 10 or longest_wait_hours >= 40:
        return "high"
    return "medium" if sources == 2 or weekly_hours >= 2 or longest_wait_hours >= 8 else "low"


def _impact(found: BottleneckFound) -> int:
    time = found.weekly_hours / 4 + found.longest_wait_hours / 16
    return max(1, min(10, round(2 * found.sources + 0.5 * (found.mentions - found.sources) + time)))


def _opportunities(found: list[BottleneckFound]) -> list[Opportunity]:
    kinds = {kind.name: kind for kind in BOTTLENECKS}
    opportunities = []
    for one in found:
        kind, impact = kinds[one.kind], _impact(one)
        score = round(100 * (impact / 10) * (1 - (kind.effort - 1) / 8))
        opportunities.append(Opportunity(kind.remedy, kind.name, score, impact, kind.effort, kind.rationale))
    return sorted(opportunities, key=lambda one: (-one.score, one.title))
