"""The telling terms of a text: which there are, where they stand, how much they weigh."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from pollable.examples.english import (
    ADJECTIVES,
    BEFORE_VERB,
    DATE_WORDS,
    FUNCTION_WORDS,
    LABELS,
    MONTHS,
    PARTICLES,
    PREPOSITIONS,
    VAGUE_NOUNS,
    VERBS,
)
from pollable.examples.prose import stem
from pollable.examples.usage import (
    AFTER_HEAD,
    Evidence,
    Token,
    agreement,
    is_joined,
    is_open,
    is_plural,
    noun_points,
    tokens,
)

_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?")
_OTHER_ENDING = re.compile(r"(?:ing|ed|ous|ful|ive|ic|al|able|ible|less|ish|ary|ory|ly|ent|ant|ise|ize|ises|izes)$")
_OPENING = re.compile(r"[\"\u201c\u2018'«(:;?!]")
_NOT_IN_NAMES = FUNCTION_WORDS | DATE_WORDS
_VAGUE = frozenset(stem(noun) for noun in VAGUE_NOUNS)
_KIND_WEIGHTS = {
    "name": 1.2,
    "thing": 1.2,
    "acronym": 1.1,
    "year": 0.95,
    "percentage": 0.95,
    "number": 0.7,
    "epithet": 0.5,
}
_MOST_WORDS = 3


class Term(msgspec.Struct, frozen=True):
    """What a question may ask for. Two terms of one `shape` can stand in each other's place."""

    text: str
    kind: str
    plural: bool
    with_article: bool
    weight: float

    @property
    def shape(self) -> tuple[str, bool]:
        """Kind and number."""
        return self.kind, self.plural


class Mention(msgspec.Struct, frozen=True):
    """One place in one sentence where a term stands."""

    key: str
    kind: str
    sentence: int
    start: int
    end: int
    before: str
    after: str


class Vocabulary:
    """Every term of a list of sentences, with its mentions; built once, then only read."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self._sentences = [tokens(sentence) for sentence in sentences]
        self._evidence: dict[str, Evidence] = {}
        self._pairs: Counter[tuple[str, str]] = Counter()
        for sentence in self._sentences:
            self._weigh_words(sentence)
        self.mentions = [mention for number in range(len(sentences)) for mention in self._mentions(number)]
        self.terms = self._terms(sentences)

    def _weigh_words(self, sentence: list[Token]) -> None:
        for at, token in enumerate(sentence):
            evidence = self._evidence.setdefault(token.low, Evidence())
            evidence.seen += 1
            if at and not sentence[at - 1].gap.strip("\"'\u201c\u2018 ("):
                evidence.capital += token.text[0].isupper()
                evidence.lower += token.text[0].islower()
            evidence.noun += noun_points(sentence, at)
            evidence.after_article += at > 0 and sentence[at - 1].low in {"a", "an"}
            evidence.as_plural += agreement(sentence, at)
            if at and is_joined(sentence[at - 1]):
                self._pairs[sentence[at - 1].low, token.low] += 1

    def _mentions(self, number: int) -> Iterator[Mention]:
        sentence, at = self._sentences[number], 0
        while at < len(sentence):
            kind, size = self._term_at(sentence, at)
            if size:
                yield _mention(sentence, kind, number, at=at, size=size)
            at += max(size, 1)

    def _term_at(self, sentence: list[Token], at: int) -> tuple[str, int]:
        token = sentence[at]
        if token.low[0].isdigit():
            return _number_at(sentence, at)
        if size := self._name_size(sentence, at):
            return _name_kind(sentence, at=at, size=size), size
        size = 1
        while size < _MOST_WORDS and at + size < len(sentence) and self._is_compound(sentence, at + size):
            size += 1
        head_at = at + size - 1
        if self._is_noun(sentence[head_at]) and self._is_head(sentence, head_at) and _opens_phrase(sentence, at):
            return "noun", size
        return "", 0

    def _name_size(self, sentence: list[Token], at: int) -> int:
        size = 0
        while at + size < len(sentence) and self._is_name(sentence, at + size, known=size > 0):
            size += 1
            if not is_joined(sentence[at + size - 1]):
                break
            size += self._links_names(sentence, at=at, size=size)
        if size == 1 and at == 0 and not self._evidence[sentence[at].low].capital:
            return 0
        if size and at + size < len(sentence) and self._is_compound(sentence, at + size):
            size += 1
        return size

    def _links_names(self, sentence: list[Token], *, at: int, size: int) -> bool:
        """Whether the word after the first `size` ties them to a further name, as in "Bank of England"."""
        if at + size + 1 >= len(sentence) or not self._is_name(sentence, at + size + 1, known=True):
            return False
        link, before = sentence[at + size], sentence[at - 1].low if at else ""
        return link.text in PARTICLES or (link.low == "of" and (size == 1 or before == "the"))

    def _is_name(self, sentence: list[Token], at: int, *, known: bool) -> bool:
        token = sentence[at]
        if not token.text[0].isupper() or token.low in _NOT_IN_NAMES or (at == 0 and token.low in ADJECTIVES):
            return False
        if token.low in PARTICLES:
            return at + 1 < len(sentence) and sentence[at + 1].text[0].isupper()
        if known or (at and not _OPENING.search(sentence[at - 1].gap)):
            return True
        evidence = self._evidence[token.low]
        return evidence.capital > evidence.lower or evidence.lower == 0

    def _is_compound(self, sentence: list[Token], at: int) -> bool:
        first, second = sentence[at - 1], sentence[at]
        count = self._pairs[first.low, second.low]
        if count < 2 or not is_joined(first) or not (is_open(first) and is_open(second)):
            return False
        rarer = min(self._evidence[first.low].seen, self._evidence[second.low].seen)
        return count * 2 >= rarer and self._is_noun(second)

    def _is_noun(self, token: Token) -> bool:
        evidence = self._evidence[token.low]
        needed = 1.9 if _OTHER_ENDING.search(token.low) else 0.9
        return is_open(token) and evidence.noun >= needed and evidence.noun * 3 >= evidence.seen

    def _is_head(self, sentence: list[Token], at: int) -> bool:
        if at + 1 == len(sentence) or not is_joined(sentence[at]):
            return True
        following = sentence[at + 1]
        return following.low in AFTER_HEAD

    def _terms(self, sentences: Sequence[str]) -> dict[str, Term]:
        spellings: dict[str, Counter[tuple[str, str]]] = {}
        for mention in self.mentions:
            text = sentences[mention.sentence][mention.start : mention.end]
            written = mention.key if mention.kind == "noun" else text
            spellings.setdefault(mention.key, Counter())[written, mention.kind] += 1
        return {key: self._term(key, counts) for key, counts in spellings.items()}

    def _term(self, key: str, counts: Counter[tuple[str, str]]) -> Term:
        (text, kind), _ = max(counts.items(), key=lambda item: (item[1], item[0]))
        parts = key.split()
        weight = math.log1p(sum(counts.values())) * (1 + 0.35 * (len(parts) - 1)) * _KIND_WEIGHTS.get(kind, 1.0)
        weight *= 0.15 if kind == "noun" and stem(parts[-1]) in _VAGUE else 1.0
        weight *= 0.6 if len(key) < 4 and kind == "noun" else 1.0
        first, last = (self._evidence.get(part, Evidence()) for part in (parts[0], parts[-1]))
        plural = kind == "noun" and is_plural(parts[-1], last)
        return Term(text, kind, plural, first.after_article > 0, weight)


def _name_kind(sentence: list[Token], *, at: int, size: int) -> str:
    """Tell apart what cannot stand in each other's place: Curie, the Nobel Prize, the Swiss pastor, ATP."""
    text = sentence[at].text
    if size == 1 and len(text) > 1 and text.upper() == text:
        return "acronym"
    last = sentence[at + size - 1]
    if is_joined(last) and at + size < len(sentence) and _is_epithet(sentence[at + size]):
        return "epithet"
    return "thing" if at and sentence[at - 1].low == "the" else "name"


def _is_epithet(following: Token) -> bool:
    """Whether a name before this word describes it, as in "the Swiss pastor"."""
    return following.low not in FUNCTION_WORDS | VERBS and following.text.islower() and not following.low.endswith("ed")


def _opens_phrase(sentence: list[Token], at: int) -> bool:
    return at == 0 or sentence[at - 1].low not in BEFORE_VERB or bool(sentence[at - 1].gap.strip())


def _number_at(sentence: list[Token], at: int) -> tuple[str, int]:
    token = sentence[at]
    before = sentence[at - 1].low if at else ""
    if not _NUMBER.fullmatch(token.text) or before in LABELS or token.text in {"0", "1"}:
        return "", 0
    following = sentence[at + 1].low if at + 1 < len(sentence) else ""
    if following in MONTHS or (before in MONTHS and len(token.text) < 3):
        return "", 0
    if token.text.isdigit() and 1400 <= int(token.text[:6]) <= 2100 and before in PREPOSITIONS | MONTHS | {"", "and"}:
        return "year", 1
    measured = token.text.endswith("%") or following in {"percent", "per", "degrees"}
    return ("percentage" if measured else "number"), 1


def _mention(sentence: list[Token], kind: str, number: int, *, at: int, size: int) -> Mention:
    last = sentence[at + size - 1]
    end = last.end + (kind != "noun" and "." in last.text and last.gap.startswith("."))
    key = " ".join(token.low for token in sentence[at : at + size])
    before = sentence[at - 1].low if at else ""
    after = sentence[at + size].low if at + size < len(sentence) else ""
    return Mention(key, kind, number, sentence[at].start, end, before, after)
