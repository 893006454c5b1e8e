"""Questions with a gap: which sentence, which term, which wrong answers."""

from __future__ import annotations

import heapq
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from pollable.examples.english import DEFINING, PREPOSITIONS
from pollable.examples.prose import stands_alone, stem, words
from pollable.examples.terms import Mention, Term, Vocabulary

GAP = "_____"
_DEFINITION = re.compile(
    r"\b(?:is|are|was|were) (?:an?|the|called|known as|defined as)\b|\bmeans\b|\brefers? to\b", re.I
)
_REASONING = re.compile(
    r"\b(?:because|therefore|consequently|as a result|result(?:s|ed)? (?:in|from)|lead(?:s|ing)? to|led to|cause[sd]?|"
    r"due to|owing to|whereas|unlike|in contrast|compared|depends? on|although|even though|explains? why|reason why)\b",
    re.I,
)
_RULE = re.compile(
    r"\b(?:if|unless|must|should|in order to|whenever|provided that|can be used|is used to)\b|^when\b", re.I
)
_DESCRIPTION = re.compile(
    r"\b(?:during|so that|allow(?:s|ed|ing)?|for example|such as|turn(?:s|ed)?|convert(?:s|ed)?|while|before|after|"
    r"through|by \w+ing|which means|process|produces?|works?)\b",
    re.I,
)
_FIRST_PERSON = re.compile(r"\b(?:i|we|us|our|you|your|my)\b", re.I)
_POINTING = re.compile(
    r"\b(?:this|these|those|above|below|latter|former|following|aforementioned|therefore|thus|too)\b", re.I
)
_STEMS = {"year": "Complete with the right year", "number": "Complete with the right figure"}
_STEMS |= {"percentage": _STEMS["number"], "name": "Complete with the right name"}
_STEMS["acronym"] = _STEMS["thing"] = _STEMS["epithet"] = _STEMS["name"]
_LEVEL_STEMS = {
    "remember": "Complete the statement",
    "understand": "Complete the description",
    "apply": "Complete the rule",
    "analyze": "Complete the reasoning",
}
# Keeps vague nouns out, unless the text is so full of one that it must be its subject.
_LEAST_WEIGHT = 0.25
_LEAST_CONTEXT = 5
_CODE = re.compile(r"[<>\\$%@#_/=*{}|~^`]")
_GOOD_LENGTH = range(9, 31)


class Gap(msgspec.Struct, frozen=True):
    """One term taken out of one sentence, and the terms that could stand there just as well."""

    mention: Mention
    sentence: str
    answer: Term
    distractors: list[Term]
    level: str
    score: float


class Cloze(msgspec.Struct, frozen=True):
    """A finished question."""

    question: str
    options: list[str]
    answer: str
    level: str
    source: str


def gaps(sentences: Sequence[str], vocabulary: Vocabulary) -> Iterator[list[Gap]]:
    """Yield, sentence by sentence, what may be left out of it."""
    by_sentence: dict[int, list[Mention]] = defaultdict(list)
    for mention in vocabulary.mentions:
        by_sentence[mention.sentence].append(mention)
    for number, sentence in enumerate(sentences):
        quality = _sentence_quality(sentence)
        found = (_gap(mention, sentence, vocabulary, quality=quality) for mention in by_sentence[number] if quality)
        yield [gap for gap in found if gap]


def choose(candidates: Sequence[Gap], vocabulary: Vocabulary, *, count: int, wrong: int) -> list[Gap]:
    """Take the best `count` gaps in the text's order, one to a sentence, with answers that vary.

    Each comes with at least `wrong` wrong answers; a gap for which there are not as many is passed over.
    """
    rivals = Rivals(vocabulary)
    chosen: dict[int, Gap] = {}
    answers, traits = Counter[str](), Counter[str]()
    # What was chosen only ever lowers what is left, so a score is brought up to date when it comes to the top.
    heap = [(-gap.score, number, gap) for number, gap in enumerate(candidates)]
    heapq.heapify(heap)
    while heap and len(chosen) < count:
        _, number, gap = heapq.heappop(heap)
        key = stem(gap.mention.key)
        score = gap.score * 0.1 ** answers[key] * 0.9 ** (traits[gap.answer.kind] + traits[gap.level])
        if gap.mention.sentence in chosen:
            continue
        if heap and score < -heap[0][0]:
            heapq.heappush(heap, (-score, number, gap))
        elif found := rivals.of(gap, wrong):
            chosen[gap.mention.sentence] = msgspec.structs.replace(gap, distractors=found)
            answers[key] += 1
            traits.update((gap.answer.kind, gap.level))
    return [chosen[number] for number in sorted(chosen)]


def write(gap: Gap, *, wrong: int, chance: random.Random) -> Cloze:
    """Word the question and shuffle its options."""
    # The nearest rivals would otherwise keep each other company in every question.
    nearest = gap.distractors[: max(8, wrong * 2)]
    options = [gap.answer.text, *(term.text for term in chance.sample(nearest, wrong))]
    chance.shuffle(options)
    return Cloze(_wording(gap), options, gap.answer.text, gap.level, gap.sentence)


def bloom_level(sentence: str, kind: str) -> str:
    """Say what a reader must do with a sentence to answer for it: remember, understand, apply or analyze."""
    if kind in {"year", "number", "percentage"} or _DEFINITION.search(sentence[:60]):
        return "remember"
    for level, pattern in (("analyze", _REASONING), ("apply", _RULE), ("understand", _DESCRIPTION)):
        if pattern.search(sentence):
            return level
    return "remember"


def _sentence_quality(sentence: str) -> float:
    count = len(words(sentence))
    if not 6 <= count <= 45 or sentence.endswith("?") or not stands_alone(sentence) or not _balanced(sentence):
        return 0.0
    quality = 1.0 if count in _GOOD_LENGTH else 0.6
    quality *= 0.4 if _FIRST_PERSON.search(sentence) else 1.0
    quality *= 0.7 if _POINTING.search(sentence) else 1.0
    return quality * (1.3 if _DEFINITION.search(sentence[:60]) or _REASONING.search(sentence) else 1.0)


def _balanced(sentence: str) -> bool:
    return sentence.count('"') % 2 == 0 and all(
        sentence.count(a) == sentence.count(b) for a, b in ("()", "\u201c\u201d", "[]")
    )


def _gap(mention: Mention, sentence: str, vocabulary: Vocabulary, *, quality: float) -> Gap | None:
    term = vocabulary.terms[mention.key]
    outside = sentence[: mention.start] + " " + sentence[mention.end :]
    if term.weight < _LEAST_WEIGHT or _is_code(sentence, mention):
        return None
    others = words(outside.lower())
    if len(others) < _LEAST_CONTEXT or any(_alike(part, word) for part in mention.key.split() for word in others):
        return None
    subject = 1.4 if mention.start < 5 and mention.after in DEFINING else 1.0
    return Gap(mention, sentence, term, [], bloom_level(sentence, term.kind), term.weight * quality * subject)


def _is_code(sentence: str, mention: Mention) -> bool:
    around = sentence[max(0, mention.start - 1) : mention.start] + sentence[mention.end : mention.end + 1]
    return bool(_CODE.search(around)) or mention.end - mention.start < 2


def _alike(part: str, word: str) -> bool:
    """Whether one of two words gives the other away."""
    shared = max(4, math.ceil(0.6 * min(len(part), len(word))))
    if len(part) < 4 or part in PREPOSITIONS:
        return part == word and part not in PREPOSITIONS
    contained = len(word) >= 4 and (part in word or word in part)
    return contained or stem(part) == stem(word) or part[:shared] == word[:shared]


class Rivals:
    """Which terms could stand in a gap and yet be wrong."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._terms = {key: term for key, term in vocabulary.terms.items() if term.weight >= _LEAST_WEIGHT}
        self._shapes: dict[tuple[str, bool], list[str]] = defaultdict(list)
        self._contexts: dict[tuple[str, str], set[str]] = defaultdict(set)
        for key, term in self._terms.items():
            self._shapes[term.shape].append(key)
        for mention in vocabulary.mentions:
            self._contexts[mention.before, mention.after].add(mention.key)

    def of(self, gap: Gap, least: int) -> list[Term]:
        """List them, nearest first, or nothing when there are fewer than `least`."""
        mention, answer = gap.mention, gap.answer
        keys = self._shapes[answer.shape]
        # What stands between the same two words elsewhere may well be right here too.
        fitting = self._contexts[mention.before, mention.after] if mention.before and mention.after else set()
        present = set(words(gap.sentence.lower()))
        found = [
            self._terms[key]
            for key in (keys if len(keys) > least else ())
            if key not in fitting and present.isdisjoint(key.split()) and _differs(key, mention.key)
        ]
        return sorted(found, key=lambda term: _distance(answer, term)) if len(found) >= least else []


def _differs(key: str, other: str) -> bool:
    return not any(_alike(part, word) for part in key.split() for word in other.split())


def _distance(answer: Term, rival: Term) -> tuple[float, str]:
    if answer.kind in {"year", "number", "percentage"}:
        return abs(math.log1p(_value(answer)) - math.log1p(_value(rival))), rival.text
    unlike = 1.0 * (answer.with_article != rival.with_article) + 0.8 * ((" " in answer.text) != (" " in rival.text))
    return unlike + abs(answer.weight - rival.weight) + (1.0 if rival.weight < 0.4 else 0.0), rival.text


def _value(term: Term) -> float:
    return min(float(term.text.rstrip("%").replace(",", "")) if term.text.count(".") < 2 else 0.0, 1e300)


def _wording(gap: Gap) -> str:
    sentence, mention = gap.sentence, gap.mention
    rest = sentence[mention.end :].strip()
    lead = sentence[: mention.start].strip().lower()
    is_subject = lead in {"", "the", "a", "an"} and rest.startswith(mention.after)
    if is_subject and mention.after in {"is", "are", "was", "were"}:
        return f"Which of these {rest.rstrip('.!')}?"
    before = re.sub(r"\b([Aa])n? $", r"\1(n) ", sentence[: mention.start])
    stem_text = _STEMS.get(gap.answer.kind) or _LEVEL_STEMS[gap.level]
    return f"{stem_text}: {before}{GAP}{sentence[mention.end :]}"
