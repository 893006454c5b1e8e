"""One attempt: what a result becomes, what a failure says, and what RQ hears of it."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.timeouts import JobTimeoutException

from service.catalog import Catalog
from service.execution import ResultRefused, Workshop, encode, failure
from service.fence import Claim, Outcome
from service.progress import MESSAGE_LENGTH, JobError, job_context, report_progress
from service.settings import Settings
from tests.core.workbench import PATIENT, job_type

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
        ([date(2026, 1, 2), UUID(int=1), Decimal("1.10"), Colour.RED],
         b'["2026-01-02","00000000-0000-0000-0000-000000000001","1.10","red"]'),
        ("", b'""'),
        ("\x00\u2028", b'"\\u0000\xe2\x80\xa8"'),
    ],
    ids=["none", "bool", "mapping", "beyond ASCII", "tuple", "keys that are no text", "struct", "dataclass",
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
    ],
    ids=["set", "frozenset", "NaN", "infinity", "infinite key", "NaN inside", "bytes", "bytearray", "memoryview",
         "lone surrogate", "lone surrogate as key", "depth 100,000", "circle", "object", "function", "tuple as key",
         "generator", "complex", "exception", "class"],
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
        encoded = b"null"
    msgspec.json.decode(encoded)


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


def claim_of(name: str = "patient", *, attempt: int = 1) -> Claim:
    return Claim(
        job_id="j", token="t", attempt=attempt, max_attempts=3, type=name, payload=b"1", timeout_s=7, context=b"{}"
    )


def told(error: BaseException, *, expose_errors: bool = True, attempt: int = 1) -> Outcome:
    catalog = Catalog()
    catalog.add(PATIENT)
    workshop = Workshop(Settings(expose_errors=expose_errors), catalog)
    return failure(error, claim_of(attempt=attempt), workshop=workshop)


class Silent(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("page 3 is blank"), "exception", "page 3 is blank"),
        (ValueError("first line\nsecond line"), "exception", "first line"),
        (ValueError("\n\n  indented\nrest"), "exception", "indented"),
        (KeyError("page"), "exception", "'page'"),
        (Silent(), "exception", "Silent"),
        (ValueError("x" * 2000), "exception", "x" * 500),
        (ValueError("bad \ud800 text"), "exception", "bad ? text"),
        (SystemExit(3), "exception", "3"),
        (KeyboardInterrupt(), "exception", "KeyboardInterrupt"),
        (JobError("blank_page", "Page 3 is blank."), "blank_page", "Page 3 is blank."),
        (JobError("blank_page", "Page 3 is blank.\nReally."), "blank_page", "Page 3 is blank."),
        (JobError("blank_page", "y" * 2000), "blank_page", "y" * 500),
        (JobTimeoutException("Task exceeded maximum timeout value"), "timeout", "The job ran longer than 7 s."),
        (MemoryError(), "out_of_memory", "The job ran out of memory."),
        (RecursionError("maximum recursion depth exceeded"), "exception", "maximum recursion depth exceeded"),
    ],
    ids=["plain", "first line", "blank lines first", "key error", "no text", "long", "lone surrogate", "exit",
         "interrupt", "job error", "job error of two lines", "long job error", "timeout", "memory", "recursion"],
)  # fmt: skip
def test_a_failure_says(error: BaseException, code: str, message: str) -> None:
    outcome = told(error)
    assert (outcome.kind, outcome.code, outcome.message) == ("failed", code, message)
    assert outcome.may_retry


def test_where_errors_are_not_exposed_only_a_job_error_speaks() -> None:
    assert told(ValueError("/srv/secret"), expose_errors=False).message == "The job failed."
    assert told(JobError("blank_page", "Page 3 is blank."), expose_errors=False).message == "Page 3 is blank."


@pytest.mark.parametrize("result", [{1}, "x" * 2000], ids=["unserializable", "too large"])
def test_a_refused_result_is_not_tried_again(result: Any) -> None:
    with pytest.raises(ResultRefused, match="The result") as refusal:
        encode(result, most_bytes=MOST)
    assert told(refusal.value).may_retry is False


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 1), (2, 60), (3, 60)])
def test_the_pause_grows_as_declared_and_its_last_step_repeats(attempt: int, delay_s: int) -> None:
    assert told(ValueError("x"), attempt=attempt).delay_s == delay_s


def test_a_failure_of_a_type_that_is_gone_is_told_all_the_same() -> None:
    workshop = Workshop(Settings(), Catalog())
    assert failure(ValueError("x"), claim_of("retired"), workshop=workshop).delay_s == 0


@pytest.mark.parametrize("code", ["a", "blank_page", "x" * 64, "e404"])
def test_a_code_is_a_word(code: str) -> None:
    assert JobError(code, "m").code == code


@pytest.mark.parametrize("code", ["", "Blank", "blank page", "9lives", "x" * 65, "é", "a-b", "a\n", "_a"], ids=repr)
def test_what_is_no_word_is_no_code(code: str) -> None:
    with pytest.raises(ValueError, match="is no error code"):
        JobError(code, "m")


def test_outside_a_worker_a_job_function_can_be_called_as_it_is() -> None:
    report_progress(40, "page 3 of 8")
    assert job_context() == {}
    assert job_type("x").retry_delay_s(1) == 0
