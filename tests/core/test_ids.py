"""Ids: 128 bits, two spellings, and whatever RQ itself allows."""

import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ulid import ULID

from service.ids import as_ulid, new_id, parse_id

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


@given(st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True))
def test_whatever_rq_allows_is_an_id(text: str) -> None:
    parsed = parse_id(text)
    assert parsed is not None
    assert parse_id(parsed) == parsed


@given(st.text())
def test_no_text_is_more_than_an_id_or_none(text: str) -> None:
    parsed = parse_id(text)
    assert parsed is None or (parsed.isascii() and ":" not in parsed and 0 < len(parsed) <= 128)


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "a:b", "../x", "x" * 129, "x" * 5000, "é", "a\n", "a\x00", "*", "{x}", "id?", "job 1", "\ud800",
     "٣" * 8],
    ids=lambda text: ascii(text)[:12],
)  # fmt: skip
def test_rubbish_is_no_id(text: str) -> None:
    assert parse_id(text) is None


@pytest.mark.parametrize(
    "text",
    ["job_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "job_" + "U" * 26, "job_01", "0123456789abcdef0123456789abcdef"],
    ids=["more than 128 bits", "not Crockford's letters", "too short", "UUID without dashes"],
)
def test_what_only_looks_like_a_spelling_is_an_id_of_rqs_own(text: str) -> None:
    assert parse_id(text) == text
    assert as_ulid(text) == text


def test_new_ids_are_version_7_and_sort_in_the_order_of_their_making() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert {uuid.UUID(each).version for each in made} == {7}
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}


def test_the_job_spelling_sorts_like_the_id() -> None:
    made = [as_ulid(new_id()) for _ in range(1000)]
    assert made == sorted(made)
