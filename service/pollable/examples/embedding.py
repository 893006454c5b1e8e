"""The job type `batch_embedding`: texts as vectors of hashed n-grams, which no model has learnt."""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from pollable import JobError, job_type, report_progress

_SIZES = range(3, 6)
# Letters with their marks, numbers and symbols make words; white space and punctuation lie between them.
_OF_WORDS = frozenset("LMNS")
# What fits into a result of a megabyte.
_MOST_NUMBERS = 80_000


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to embed; a vector has no use beside vectors of another length."""

    texts: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=200_000, examples=["The invoice is late."])]],
        msgspec.Meta(min_length=1, max_length=2_000),
    ]
    dimensions: Annotated[int, msgspec.Meta(ge=16, le=2_048, description="How long the vectors are.")] = 256


class Embeddings(msgspec.Struct, frozen=True):
    """A vector for each text, in the order of the texts, of length 1; the dot product of two is their similarity.

    Texts without a word have a vector of zeros, which is similar to nothing.
    """

    model: Literal["hashed-ngrams-v1"]
    dimensions: int
    vectors: list[list[float]]


@job_type("batch_embedding", envelope="managed")
def batch_embedding(payload: Texts) -> Embeddings:
    """Embed texts as hashed n-gram vectors: texts that share spellings are near, whatever they mean.

    Each word, and each run of 3 to 5 characters in it, adds or takes something at a place of the vector that its
    BLAKE2b hash chooses. This is no model: a synonym is as far away as any other word. Case, Unicode forms,
    punctuation and the order of the words make no difference, and a text has the same vector on every machine.
    """
    most = _MOST_NUMBERS // payload.dimensions
    if len(payload.texts) > most:
        raise JobError("batch_too_large", f"With {payload.dimensions} dimensions send at most {most} texts at once.")
    vectors = []
    for at, text in enumerate(payload.texts, start=1):
        vectors.append(embed(text, payload.dimensions))
        report_progress(100 * at / len(payload.texts), f"text {at} of {len(payload.texts)}")
    return Embeddings("hashed-ngrams-v1", payload.dimensions, vectors)


def embed(text: str, dimensions: int) -> list[float]:
    """Make the vector of one text."""
    counts = Counter(gram for word in _words(text) for gram in _grams(word))
    sums: list[list[float]] = [[] for _ in range(dimensions)]
    for gram, count in counts.items():
        # Python's own hash() is another one in each process.
        digest = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "big")
        # Only what IEEE 754 rounds correctly, a root and an exact sum, is the same on every machine.
        weight = math.sqrt(count)
        sums[(digest >> 1) % dimensions].append(weight if digest & 1 else -weight)
    vector = [math.fsum(weights) for weights in sums]
    norm = math.sqrt(math.fsum(number * number for number in vector))
    # Adding zero makes -0.0 a plain 0.0.
    return [round(number / norm, 6) + 0.0 if norm else 0.0 for number in vector]


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(letter if unicodedata.category(letter)[0] in _OF_WORDS else " " for letter in folded).split()


def _grams(word: str) -> Iterator[str]:
    # A word's beginning and end tell much about it; a space is in no word.
    marked = f" {word} "
    yield marked
    for size in _SIZES:
        yield from (marked[at : at + size] for at in range(len(marked) - size + 1) if size < len(marked))
