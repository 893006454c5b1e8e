"""Extractive summaries: the sentences of several documents that say most about a question."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import msgspec

from pollable.examples.english import FUNCTION_WORDS, INSTRUCTIONS, VAGUE_NOUNS
from pollable.examples.prose import stands_alone, stem, words

_INSTRUCTIONS = frozenset(stem(word) for word in INSTRUCTIONS)
_VAGUE = frozenset(stem(noun) for noun in VAGUE_NOUNS)
_GOOD_LENGTH = range(8, 36)


class Passage(msgspec.Struct, frozen=True):
    """One sentence, where it stands, and its telling words."""

    document: int
    number: int
    text: str
    stems: frozenset[str]


def key_words(prompt: str) -> frozenset[str]:
    """List, by their stems, the words of a prompt that a document can be searched for."""
    return _telling(prompt) - _INSTRUCTIONS


def passage(text: str, *, document: int, number: int) -> Passage:
    """Read one sentence."""
    return Passage(document, number, text, _telling(text))


def summarise(passages: Sequence[Passage], wanted: frozenset[str], *, count: int) -> list[Passage]:
    """Choose up to `count` sentences, in reading order, that together cover most of what is wanted."""
    spread = Counter(word for one in passages for word in one.stems)
    rarity = {word: math.log(1 + len(passages) / seen) for word, seen in spread.items()}
    scores = {one: _score(one, wanted, rarity=rarity, spread=spread) for one in passages}
    chosen: list[Passage] = []
    left = [one for one in passages if scores[one] > 0]
    while left and len(chosen) < count:
        # A sentence is worth less, the more of it has been said already.
        said = frozenset(word for one in chosen for word in one.stems)
        best = max(
            left, key=lambda one: (scores[one] * (1 - 0.8 * _share(one.stems, said)), -one.document, -one.number)
        )
        chosen.append(best)
        left = [one for one in left if one is not best and one.text != best.text]
    return sorted(chosen, key=lambda one: (one.document, one.number))


def _telling(text: str) -> frozenset[str]:
    lower = (word.lower() for word in words(text))
    return frozenset(stem(word) for word in lower if len(word) > 2 and word not in FUNCTION_WORDS) - _VAGUE


def _score(one: Passage, wanted: frozenset[str], *, rarity: dict[str, float], spread: Counter[str]) -> float:
    if not one.stems:
        return 0.0
    asked = sum(rarity[word] for word in one.stems & wanted)
    central = sum(math.log(spread[word]) for word in one.stems) / len(one.stems)
    score = 3 * asked + central + 0.3 / (1 + one.number)
    score *= 1.0 if len(words(one.text)) in _GOOD_LENGTH else 0.5
    return score * (1.0 if stands_alone(one.text) else 0.6)


def _share(stems: frozenset[str], said: frozenset[str]) -> float:
    return len(stems & said) / len(stems)
