"""Cutting English text into sentences and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from pollable.examples.english import ABBREVIATIONS, LEANING_OPENERS

WORD = re.compile(r"\d+(?:[.,:]\d+)*%?|[^\W\d_](?:\.[^\W\d_])+|[^\W_]+(?:['\u2019\-][^\W_]+)*")
_BULLET = re.compile(r"[ \t]*(?:[-*+•‣◦▪\u2013]|\(?\d{1,3}[.)]|\(?[a-z]\))[ \t]+")
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+|[ \t]*(?:={3,}|-{3,}|\*{3,})[ \t]*$")
_END_MARKS = r"(?<![.!?…])[.!?…]++[\"'\u201d\u2019»)\]]*+(?:\[\d{1,4}\])*+"
_SENTENCE_END = re.compile(_END_MARKS + r"(?=\s)")
_FINISHED = re.compile(_END_MARKS + "$")
_LAST_WORD = re.compile(r"[^\s\"'\u201c\u2018«(\[]+$")
_HEADING_WORDS = 12
_SUFFIXES = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", ""))


def sentences(text: str) -> list[str]:
    """Cut `text` into whole sentences, each on one line; headings and fragments without a full stop are left out."""
    return [sentence for block in _blocks(text) for sentence in _split(block) if is_finished(sentence)]


def statements(text: str) -> list[str]:
    """Cut `text` into sentences and, unlike `sentences`, keep notes that end without a full stop."""
    return [statement for block in _blocks(text) for statement in _split(block)]


def words(sentence: str) -> list[str]:
    """List the words and numbers of a sentence as they stand."""
    return [match.group() for match in WORD.finditer(sentence)]


def is_finished(sentence: str) -> bool:
    """Whether it ends like a sentence."""
    return bool(_FINISHED.search(sentence[-20:]))


def is_shouted(sentence: str) -> bool:
    """Whether it is a headline, or a clause in capitals, rather than prose."""
    long_words = [word for word in words(sentence) if len(word) > 3]
    return sum(word[0].isupper() for word in long_words) * 2 > len(long_words)


def stands_alone(sentence: str) -> bool:
    """Whether a reader understands it without the sentence before."""
    found = words(sentence[:80])
    return bool(found) and found[0].lower() not in LEANING_OPENERS and sentence[:1] not in "\"\u201c\u2018'«([…"


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Shorten a word to what its inflected forms share: `cells` to `cell`, `stored` and `storing` to `stor`."""
    low = word.lower().removesuffix("'s").removesuffix("\u2019s")
    if low.endswith(("ss", "us", "is")):
        return low
    for suffix, replacement in _SUFFIXES:
        if low.endswith(suffix) and len(low) - len(suffix) >= 3:
            return low[: -len(suffix)] + replacement
    return low


def _blocks(text: str) -> Iterator[str]:
    held: list[str] = []
    for line in text.splitlines():
        bullet = _BULLET.match(line)
        alone = not line.strip() or bool(_HEADING.match(line))
        if (alone or bullet) and held:
            yield from _paragraph(held)
            held = []
        if not alone:
            held.append(line[bullet.end() :] if bullet else line)
    yield from _paragraph(held)


def _paragraph(lines: list[str]) -> Iterator[str]:
    # A title set directly above its paragraph, with no empty line between, would otherwise open the first sentence.
    while len(lines) > 1 and _is_title(lines[0], lines[1]):
        lines = lines[1:]
    joined = " ".join(" ".join(lines).split())
    if joined:
        yield joined


def _is_title(line: str, following: str) -> bool:
    count = len(line.split())
    short = count <= _HEADING_WORDS and len(line) * 2 < len(following)
    return short and line.strip()[-1:] not in ".!?,;:…" and following.lstrip()[:1].isupper() and count > 0


def _split(block: str) -> Iterator[str]:
    start = 0
    for match in _SENTENCE_END.finditer(block):
        if _ends_sentence(block, match):
            yield block[start : match.end()].strip()
            start = match.end()
    rest = block[start:].strip()
    if rest:
        yield rest


def _ends_sentence(block: str, match: re.Match[str]) -> bool:
    following = block[match.end() : match.end() + 40].lstrip()
    opener = following.lstrip("\"'\u201c\u2018«([")[:1]
    if not (opener.isupper() or opener.isdigit()):
        return False
    before = _LAST_WORD.search(block[max(0, match.start() - 30) : match.start()])
    last = before.group().lower() if before else ""
    if match.group()[0] != "." or not (last in ABBREVIATIONS or re.fullmatch(r"[^\W\d_](?:\.[^\W\d_])*", last)):
        return True
    # "the U.S. The" ends a sentence, "the U.S. Senate" does not; "etc. Plants" does, "Dr. Smith" does not.
    first = words(following)[:1]
    may_end = len(last) == 1 or "." in last or last in {"etc", "al"}
    return may_end and bool(first) and first[0].lower() in LEANING_OPENERS | {"the", "in"}
