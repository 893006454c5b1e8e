"""How a word is used: what its neighbours, and its ending, say about it."""

from __future__ import annotations

import re

import msgspec

from pollable.examples.english import (
    ADJECTIVES,
    ADVERBS,
    BE,
    BEFORE_VERB,
    CONJUNCTIONS,
    DETERMINERS,
    FUNCTION_WORDS,
    HAVE,
    IRREGULAR_PLURALS,
    MODALS,
    PREPOSITIONS,
    PRONOUNS,
    QUANTIFIERS,
    RELATIVES,
    VERBS,
)
from pollable.examples.prose import WORD

# What may follow the head of a noun phrase, besides punctuation.
AFTER_HEAD = QUANTIFIERS | PREPOSITIONS | CONJUNCTIONS | PRONOUNS | BE | MODALS | HAVE | ADVERBS | VERBS
_AUXILIARIES = BE | HAVE | MODALS
_CLOSED = FUNCTION_WORDS | VERBS | ADJECTIVES
_NOUN_ENDING = re.compile(r"(?:tion|sion|ment|ness|ity|ism|ance|ence|ship|hood|logy|graphy|dom|eur|ture|synthesis)s?$")


class Token(msgspec.Struct, frozen=True):
    """A word where it stands; `gap` is what lies between it and the next word."""

    text: str
    low: str
    start: int
    end: int
    gap: str


class Evidence(msgspec.Struct):
    """How a word is used all over a text."""

    seen: int = 0
    lower: int = 0
    capital: int = 0
    noun: float = 0.0
    after_article: int = 0
    as_plural: int = 0


def tokens(sentence: str) -> list[Token]:
    """Cut a sentence into tokens."""
    found = list(WORD.finditer(sentence))
    ends = [*(match.start() for match in found), len(sentence)]
    return [
        Token(match.group(), match.group().lower(), match.start(), match.end(), sentence[match.end() : end])
        for match, end in zip(found, ends[1:], strict=True)
    ]


def is_joined(token: Token) -> bool:
    """Whether nothing but a space, or the full stop of an abbreviation, parts it from the next word."""
    is_abbreviation = "." in token.text or (len(token.text) == 1 and token.low != "i")
    return token.gap == " " or (token.gap == ". " and is_abbreviation)


def is_open(token: Token) -> bool:
    """Whether it is none of the words that every text uses."""
    return len(token.low) > 2 and token.low not in _CLOSED and not token.low[0].isdigit()


def noun_points(sentence: list[Token], at: int) -> float:
    """Score one use of a word: above 0 where only a noun fits, below where a verb or an adjective does."""
    token = sentence[at]
    before = sentence[at - 1].low if at and not sentence[at - 1].gap.strip() else ""
    ends = at + 1 == len(sentence) or bool(token.gap.strip())
    after = "" if ends else sentence[at + 1].low
    if before in BEFORE_VERB or (before in RELATIVES and after not in _AUXILIARIES):
        return -1.5
    if before in BE | ADVERBS and (ends or after in PREPOSITIONS):
        return -1.0
    closed = ends or after in AFTER_HEAD
    points = 0.4 if _NOUN_ENDING.search(token.low) else 0.0
    if closed and (before in DETERMINERS or before in ADJECTIVES or before[:1].isdigit()):
        return points + 1.0
    if closed and before in PREPOSITIONS and not token.low.endswith("ing"):
        return points + 0.9
    if after in _AUXILIARIES and not before:
        return points + 0.9
    return points - (0.5 if after in DETERMINERS else 0.0)


def is_plural(word: str, evidence: Evidence) -> bool:
    """Whether a noun is plural, by the verbs that it was seen with or else by its ending."""
    if evidence.as_plural:
        return evidence.as_plural > 0
    regular = word.endswith("s") and not word.endswith(("ss", "us", "is", "ics")) and len(word) > 3
    return regular or word in IRREGULAR_PLURALS or word.endswith("bacteria")


def agreement(sentence: list[Token], at: int) -> int:
    """1 where the verb after a word says that it is plural, -1 where it says singular."""
    following = sentence[at + 1].low if at + 1 < len(sentence) and sentence[at].gap == " " else ""
    # "the rate of reactions is": the verb belongs to the word before the preposition.
    owned = any(token.low in PREPOSITIONS for token in sentence[max(0, at - 3) : at])
    return 0 if owned else (following in {"are", "were", "have"}) - (following in {"is", "was", "has"})
