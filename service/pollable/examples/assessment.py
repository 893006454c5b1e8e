"""The job type `generate_assessment`: multiple-choice questions out of a text."""

from __future__ import annotations

import hashlib
import random
import time
from typing import Annotated, Literal

import msgspec

from pollable import JobError, job_type, report_progress
from pollable.examples.cloze import Gap, choose, gaps, write
from pollable.examples.prose import is_shouted, sentences
from pollable.examples.terms import Vocabulary

BloomLevel = Literal["remember", "understand", "apply", "analyze"]
_EXAMPLE = "Chlorophyll is the green pigment with which leaves absorb light. …"


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to ask about."""

    text: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=200_000, description="English prose, a page or more.", examples=[_EXAMPLE]
        ),
    ]
    questions: Annotated[int, msgspec.Meta(ge=1, le=50, description="How many questions to write, at most.")] = 10
    options: Annotated[int, msgspec.Meta(ge=2, le=6, description="How many answers to offer with each.")] = 4
    pace_s: Annotated[
        float,
        msgspec.Meta(ge=0, le=5, description="Seconds to rest after each question, so that a person can watch."),
    ] = 0.0


class Question(msgspec.Struct, frozen=True):
    """One question; `correct_answer` is one of `options`."""

    question: str
    options: list[str]
    correct_answer: str
    bloom_level: BloomLevel
    explanation: Annotated[str, msgspec.Meta(description="The sentence of the text that answers the question.")]


class Assessment(msgspec.Struct, frozen=True):
    """The questions, in the order of the text."""

    mcqs: list[Question]


@job_type(
    "generate_assessment",
    submit="/generate_assessment",
    envelope="plain",
    timeout_s=600,
    result_ttl_s=600,
    max_attempts=1,
)
def generate_assessment(payload: Text) -> Assessment:
    """Write multiple-choice questions about a text: the same text always gives the same ones."""
    chosen = _chosen(payload)
    if not chosen:
        raise JobError("text_too_short", "The text has too few sentences with comparable terms to ask about.")
    digest = hashlib.sha256(payload.text.encode()).digest()
    chance = random.Random(digest)  # noqa: S311 -- the seed makes it repeatable, nothing is secret here
    numbered = enumerate(chosen, start=1)
    return Assessment([_question(gap, payload, chance, done=(at, len(chosen))) for at, gap in numbered])


def _chosen(payload: Text) -> list[Gap]:
    found = [sentence for sentence in sentences(payload.text) if not is_shouted(sentence)]
    vocabulary = Vocabulary(found)
    candidates: list[Gap] = []
    for at, of_sentence in enumerate(gaps(found, vocabulary), start=1):
        candidates += of_sentence
        report_progress(50 * at / len(found), f"sentence {at} of {len(found)}")
    return choose(candidates, vocabulary, count=payload.questions, wrong=payload.options - 1)


def _question(gap: Gap, payload: Text, chance: random.Random, *, done: tuple[int, int]) -> Question:
    cloze = write(gap, wrong=payload.options - 1, chance=chance)
    report_progress(50 + 50 * done[0] / done[1], f"question {done[0]} of {done[1]}")
    time.sleep(payload.pace_s)
    return msgspec.convert(
        {
            "question": cloze.question,
            "options": cloze.options,
            "correct_answer": cloze.answer,
            "bloom_level": cloze.level,
            "explanation": cloze.source,
        },
        Question,
    )
