import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.embedding import Texts, batch_embedding, embed

LATE = "The invoice is late."
PROGRAM = "from pollable.examples.embedding import embed; print(embed({text!r}, 32))"


def near(one: str, other: str) -> float:
    return math.fsum(a * b for a, b in zip(embed(one, 256), embed(other, 256), strict=True))


def test_a_text_has_the_vector_that_it_always_had() -> None:
    assert embed("Ice", 16) == [
        0.0,
        0.0,
        0.0,
        -0.353553,
        0.353553,
        0.0,
        -0.707107,
        0.0,
        0.0,
        0.353553,
        0.0,
        0.0,
        0.0,
        -0.353553,
        0.0,
        0.0,
    ]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_text_has_the_same_vector_in_every_process(seed: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(text=LATE)]
    said = subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(embed(LATE, 32))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "Stra\u00dfe"),
        ("\ufb01ve \uff21\uff22\uff23", "five abc"),
        (LATE, "late, is THE invoice!"),
        ("one_two", "one two"),
    ],
    ids=["composed", "case", "compatibility", "order and punctuation", "underscore"],
)
def test_what_is_spelled_the_same_is_the_same(text: str, other: str) -> None:
    assert embed(text, 64) == embed(other, 64)


@pytest.mark.parametrize(
    ("text", "closer", "farther"),
    [
        (LATE, "Invoices are paid late.", "A cat sleeps on the sofa."),
        ("A cat sleeps on the sofa.", "Cats sleep on sofas.", "Prices fall after the harvest."),
        ("photosynthesis", "photosynthetic", "mitochondrion"),
        ("\u65e5\u672c\u8a9e\u306e\u6587\u7ae0", "\u65e5\u672c\u8a9e\u306e\u672c", "\u5929\u6c17\u304c\u826f\u3044"),
    ],
    ids=["invoice", "cat", "one word", "no spaces"],
)
def test_near_texts_are_nearer_than_far_ones(text: str, closer: str, farther: str) -> None:
    assert near(text, closer) > near(text, farther) + 0.2


@pytest.mark.parametrize("text", ["", "  \n", "...", "\u200b", "\x00"])
def test_a_text_without_a_word_has_a_vector_of_zeros(text: str) -> None:
    assert embed(text, 16) == [0.0] * 16


def test_a_batch_is_in_the_order_of_its_texts_and_none_depends_on_another() -> None:
    texts = [LATE, "", "A cat.", LATE]
    result = batch_embedding(Texts(texts, dimensions=32))
    assert result.vectors == [embed(text, 32) for text in texts]
    assert batch_embedding(Texts(texts[::-1], dimensions=32)).vectors == result.vectors[::-1]
    assert (result.model, result.dimensions) == ("hashed-ngrams-v1", 32)


def test_a_batch_whose_result_would_be_too_large_says_how_many_fit() -> None:
    assert len(batch_embedding(Texts(["a"] * 78, dimensions=1_024)).vectors) == 78
    with pytest.raises(JobError, match="at most 78 texts") as raised:
        batch_embedding(Texts(["a"] * 79, dimensions=1_024))
    assert raised.value.code == "batch_too_large"


def test_each_text_is_reported(run_with: Callable[..., Any]) -> None:
    recorder = run_with()
    batch_embedding(Texts(["a", "b"]))
    assert recorder.reports == [(50, "text 1 of 2"), (100, "text 2 of 2")]


@given(st.text(), st.integers(16, 300))
def test_every_vector_has_the_length_one_or_is_nothing(text: str, dimensions: int) -> None:
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert not any(vector) or math.isclose(math.hypot(*vector), 1, abs_tol=1e-4)
