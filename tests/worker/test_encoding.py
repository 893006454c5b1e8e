"""What a result becomes."""

import json
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable.worker.encoding import ResultRefused, encode
from pollable.worker.progress import MESSAGE_LENGTH

MOST = 1000


class Answer(msgspec.Struct):
    text: str
    at: datetime


@dataclass
class Point:
    x: int
    y: float


class Colour(Enum):
    RED = "red"


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def endless() -> Iterator[int]:
    yield 1


async def coroutine() -> int:
    return 1


async def asynchronous_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("result", "encoded"),
    [
        (None, b"null"),
        (True, b"true"),
        ({"a": [1, 2.5, "x", None]}, b'{"a":[1,2.5,"x",null]}'),
        ("née 🙂", '"née 🙂"'.encode()),
        ((1, (2, 3)), b"[1,[2,3]]"),
        ({1: "a", None: "b"}, b'{"1":"a","null":"b"}'),
        (Answer("yes", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)), b'{"text":"yes","at":"2026-01-02T03:04:05Z"}'),
        ({"p": Point(1, 2.5)}, b'{"p":{"x":1,"y":2.5}}'),
        ({UUID(int=1): 1}, b'{"00000000-0000-0000-0000-000000000001":1}'),
        ([{date(2026, 1, 2): {Colour.RED: (1,)}}], b'[{"2026-01-02":{"red":[1]}}]'),
        ({Decimal("1.10"): {datetime(2026, 1, 2, tzinfo=UTC): 2}}, b'{"1.10":{"2026-01-02T00:00:00Z":2}}'),
        ([date(2026, 1, 2), UUID(int=1), Decimal("1.10"), Colour.RED],
         b'["2026-01-02","00000000-0000-0000-0000-000000000001","1.10","red"]'),
        ("", b'""'),
        ("\x00\u2028", b'"\\u0000\xe2\x80\xa8"'),
    ],
    ids=["none", "bool", "mapping", "beyond ASCII", "tuple", "keys that are no text", "struct", "dataclass",
         "UUID as key", "date and Enum as keys", "decimal and time as keys",
         "date UUID decimal enum", "empty", "control and separator"],
)  # fmt: skip
def test_what_has_a_form_in_json_is_a_result(result: Any, encoded: bytes) -> None:
    assert encode(result, most_bytes=MOST) == encoded


@pytest.mark.parametrize(
    "make",
    [
        lambda: {1, 2},
        lambda: frozenset({1}),
        lambda: math.nan,
        lambda: {"a": [math.inf]},
        lambda: {-math.inf: 1},
        lambda: [Point(1, math.nan)],
        lambda: b"bytes",
        lambda: bytearray(b"x"),
        lambda: {"a": memoryview(b"x")},
        lambda: "\ud800",
        lambda: {"\udfff": 1},
        lambda: nested(100_000),
        circle,
        object,
        lambda: encode,
        lambda: {("a", "b"): 1},
        endless,
        lambda: 1 + 2j,
        lambda: ValueError("x"),
        lambda: type,
        coroutine,
        asynchronous_generator,
        lambda: {UUID(int=1): {1, 2}},
        lambda: {UUID(int=1): math.nan},
        lambda: {object(): 1},
    ],
    ids=["set", "frozenset", "NaN", "infinity", "infinite key", "NaN inside", "bytes", "bytearray", "memoryview",
         "lone surrogate", "lone surrogate as key", "depth 100,000", "circle", "object", "function", "tuple as key",
         "generator", "complex", "exception", "class",
         "coroutine", "asynchronous generator", "set below a UUID", "NaN below a UUID", "object as key"],
)  # fmt: skip
def test_what_has_no_form_in_json_is_unserializable(make: Any) -> None:
    with pytest.raises(ResultRefused, match="The result is not JSON") as refusal:
        encode(make(), most_bytes=MOST)
    assert refusal.value.code == "result_unserializable"
    assert len(str(refusal.value)) <= MESSAGE_LENGTH
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("depth", [500, 900, 1000, 2000, 10_000])
def test_what_is_encoded_can_be_decoded_by_the_reader_of_the_answer(depth: int) -> None:
    try:
        encoded = encode(nested(depth), most_bytes=1 << 20)
    except ResultRefused:
        assert depth > 500
        return
    assert msgspec.json.decode(encoded) == nested(depth)


def test_a_result_may_have_as_many_bytes_as_allowed_and_not_one_more() -> None:
    assert len(encode("x" * (MOST - 2), most_bytes=MOST)) == MOST
    with pytest.raises(ResultRefused, match="The result has 1001 bytes; 1000 are allowed") as refusal:
        encode("x" * (MOST - 1), most_bytes=MOST)
    assert refusal.value.code == "result_too_large"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)  # fmt: skip


@given(json_values)
def test_every_json_value_comes_back_as_it_was(value: Any) -> None:
    assert json.loads(encode(value, most_bytes=1 << 20)) == value


class Receipt(msgspec.Struct):
    printed: Annotated[int, msgspec.Meta(ge=0)]


@pytest.mark.parametrize(
    ("result", "result_type", "reason"),
    [
        ("three", int, "Expected `int`, got `str`"),
        ({"printed": "three"}, Receipt, "Expected `int`, got `str` - at `$.printed`"),
        (Receipt(-1), Receipt, ">= 0"),
        ([1, None], list[int], "Expected `int`, got `null` - at `$[1]`"),
        (None, Receipt, "Expected `object`, got `null`"),
        (1, None, "Expected `null`, got `int`"),
    ],
    ids=["text for a number", "inside", "constraint", "item", "nothing", "something"],
)
def test_what_the_annotation_does_not_promise_is_invalid(result: Any, result_type: Any, reason: str) -> None:
    with pytest.raises(ResultRefused, match="not what its function's annotation promises") as refusal:
        encode(result, most_bytes=MOST, result_type=result_type)
    assert refusal.value.code == "result_invalid"
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("result", "result_type"),
    [(3, int), (3, float), (Receipt(2), Receipt), ({"printed": 2}, Receipt), ((1, 2), list[int]), (None, None),
     (Point(1, 2), Point), (Colour.RED, Colour), ({UUID(int=1): 1}, dict[UUID, int])],
)  # fmt: skip
def test_what_the_annotation_promises_is_a_result(result: Any, result_type: Any) -> None:
    assert encode(result, most_bytes=MOST, result_type=result_type) == encode(result, most_bytes=MOST)
