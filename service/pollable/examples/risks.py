"""The job type `RISK_ANALYSIS`: the risks that documents speak of, by category, with a score for each."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.hazards import DENIED, HARM, HAZARDS, IMPACTS, LIKELIHOODS, MITIGATION, Hazard
from pollable.examples.previews import Document
from pollable.examples.prose import statements

Level = Literal["none", "low", "medium", "high"]
Scale = Annotated[int, msgspec.Meta(ge=1, le=5)]
_MOST_EVIDENCE = 5
_UNSAID = 3


class Dossier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to look for risks in."""

    documents: Annotated[list[Document], msgspec.Meta(min_length=1, max_length=50)]


class Statement(msgspec.Struct, frozen=True):
    """A sentence, and the document that it is from."""

    document: str
    text: str


class Risk(msgspec.Struct, frozen=True):
    """A category's gravest risk: `score` is likelihood times impact, one step less likely where something is done."""

    category: str
    title: str
    likelihood: Scale
    impact: Scale
    score: Annotated[int, msgspec.Meta(ge=1, le=25)]
    level: Level
    mentions: int
    evidence: list[Statement]
    mitigations: list[Statement]


class RiskReport(msgspec.Struct, frozen=True, rename="camel"):
    """The risks, gravest first, and a score that grows with each of them from 0 towards 100."""

    risk_score: Annotated[int, msgspec.Meta(ge=0, le=100)]
    level: Level
    risks: list[Risk]


@job_type("RISK_ANALYSIS", envelope="record")
def risk_analysis(payload: Dossier) -> RiskReport:
    """Find the sentences of documents that speak of risks, and score each category by likelihood and impact.

    The scales are read from the words ("might", "often"; "minor", "severe"): it says what the documents say, and
    does not know whether they are right.
    """
    said = [
        Statement(document.title or f"document {at}", text)
        for at, document in enumerate(payload.documents, start=1)
        for text in statements(document.text)
    ]
    if not said:
        raise JobError("nothing_to_analyse", "The documents hold nothing to read.")
    risks = []
    for at, hazard in enumerate(HAZARDS, start=1):
        if risk := _risk(hazard, [one for one in said if hazard.topic.search(one.text)]):
            risks.append(risk)
        report_progress(100 * at / len(HAZARDS), hazard.title)
    risks.sort(key=lambda risk: (-risk.score, -risk.mentions, risk.category))
    score = round(100 * (1 - math.prod(1 - risk.score / 40 for risk in risks)))
    return RiskReport(score, risks[0].level if risks else "none", risks)


def _risk(hazard: Hazard, said: list[Statement]) -> Risk | None:
    eased = [one for one in said if MITIGATION.search(one.text) and not DENIED.search(one.text)]
    found = [one for one in said if HARM.search(one.text) and one not in eased]
    if not found:
        return None
    # Of two that are as grave the first.
    found.sort(key=lambda one: -_likelihood(one) * _impact(one))
    likelihood, impact = max(1, _likelihood(found[0]) - bool(eased)), _impact(found[0])
    score = likelihood * impact
    return Risk(
        hazard.name,
        hazard.title,
        likelihood,
        impact,
        score,
        "high" if score >= 15 else "medium" if score >= 8 else "low",
        mentions=len(found),
        evidence=found[:_MOST_EVIDENCE],
        mitigations=eased[:_MOST_EVIDENCE],
    )


def _likelihood(said: Statement) -> int:
    return _measured(said.text, LIKELIHOODS)


def _impact(said: Statement) -> int:
    return _measured(said.text, IMPACTS)


def _measured(text: str, scale: Sequence[tuple[int, re.Pattern[str]]]) -> int:
    return next((step for step, words in scale if words.search(text)), _UNSAID)
