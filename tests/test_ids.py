"""Ids: 128 bits, two spellings, and the names that RQ lets other code's jobs have."""

import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ulid import ULID

from pollable.ids import as_ulid, is_rq_id, new_id, parse_id

uuids = st.uuids()


@given(uuids)
@example(uuid.UUID(int=0))
@example(uuid.UUID(int=2**128 - 1))
def test_either_spelling_comes_back_as_the_same_id(value: uuid.UUID) -> None:
    canonical = str(value)
    assert parse_id(canonical) == canonical
    assert parse_id(as_ulid(canonical)) == canonical
    assert as_ulid(canonical) == f"job_{ULID.from_uuid(value)}"
    assert len(as_ulid(canonical)) == 30


@given(uuids)
def test_either_case_is_the_same_id(value: uuid.UUID) -> None:
    canonical = str(value)
    assert parse_id(canonical.upper()) == canonical
    assert parse_id("job_" + as_ulid(canonical)[4:].lower()) == canonical


@given(st.text())
def test_no_text_is_more_than_an_id_or_none(text: str) -> None:
    parsed = parse_id(text)
    assert parsed is None or str(uuid.UUID(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "a:b", "../x", "x" * 5000, "\ud800", f"{uuid.UUID(int=1)}\n", f" {uuid.UUID(int=1)}", "job_01",
     "job_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "job_" + "U" * 26, "0123456789abcdef0123456789abcdef"],
    ids=["empty", "blank", "a letter", "a colon", "a path", "long", "a surrogate", "a line feed", "a blank before",
         "too short", "more than 128 bits", "not Crockford's letters", "a UUID without dashes"],
)  # fmt: skip
def test_what_is_neither_spelling_is_no_id(text: str) -> None:
    assert parse_id(text) is None
    assert as_ulid(text) == text


@given(st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True))
def test_whatever_rq_3_allows_is_a_name_that_rq_may_know(text: str) -> None:
    assert is_rq_id(text)


@pytest.mark.parametrize(
    "text",
    ["report:42", "site1.local||3f0c", "user@example.com", "ü", "a b", " ", "a/b", "👩\u200d💻", "x" * 256, "ü" * 128],
)
def test_rq_1_took_any_text(text: str) -> None:
    assert is_rq_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n",
        "\x00",
        "\x7f",
        "\x9b",
        "\u2028",
        "\ud800",
        pytest.param("\ufffd", id="replacement"),
        "x" * 257,
        "ü" * 129,
    ],
    ids=lambda text: ascii(text)[:12],
)
def test_what_is_long_or_cannot_be_printed_is_no_name(text: str) -> None:
    assert not is_rq_id(text)


def test_new_ids_are_version_7_and_sort_in_the_order_of_their_making() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert {uuid.UUID(each).version for each in made} == {7}
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}


def test_the_job_spelling_sorts_like_the_id() -> None:
    made = [as_ulid(new_id()) for _ in range(1000)]
    assert made == sorted(made)
