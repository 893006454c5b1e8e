"""Plain data in pickles: whatever Python pickles of it is read, and nothing else does more than be refused."""

import json
import math
import pickle
from base64 import b64encode
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pollable.jobs.pickled import MOST_DEPTH, Unreadable, as_json

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
MOST_BYTES = 100_000

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
finite = st.floats(allow_nan=False, allow_infinity=False)
zones = st.none() | st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(lambda offset:
    timedelta(minutes=offset // timedelta(minutes=1)))) | st.just(UTC)  # fmt: skip
moments = st.one_of(
    st.datetimes(timezones=zones), st.dates(), st.times(timezones=zones), st.timedeltas(),
    st.datetimes().map(lambda moment: moment.replace(fold=1)),
)  # fmt: skip
decimals = st.decimals(allow_nan=False, allow_infinity=False)
integers = st.integers() | st.integers(-(2**200), 2**200) | st.sampled_from([255, 256, 65535, 65536, 2**31, -(2**31)])
keys = texts | integers | st.booleans() | st.none() | finite | st.uuids() | st.dates() | decimals
scalars = keys | st.binary(max_size=300) | moments
unordered = st.sets(texts, max_size=5) | st.sets(integers, max_size=5) | st.sets(st.integers(0, 9) | texts, max_size=5)
data = st.recursive(
    scalars | unordered | unordered.map(frozenset),
    lambda inner: (
        st.lists(inner, max_size=5) | st.lists(inner, max_size=5).map(tuple) | st.dictionaries(keys, inner, max_size=5)
    ),
    max_leaves=30,
)


def plain(value: Any) -> Any:
    """What is to be read, as `json` loads it: worked out another way than the code does."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        members = [plain(item) for item in value]
        try:
            return sorted(members)
        except TypeError:
            return members
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if value is None or isinstance(value, str | int | float):
        return value
    return json.loads(msgspec.json.encode(value))


def _key(key: Any) -> str:
    return str(
        next(iter(json.loads(json.dumps({key: 0})))) if key is None or isinstance(key, int | float) else plain(key)
    )


def keys_collide(value: Any) -> bool:
    if isinstance(value, dict):
        return len(plain(value)) < len(value) or any(map(keys_collide, value.values()))
    return isinstance(value, list | tuple) and any(map(keys_collide, value))


@given(data, st.sampled_from(PROTOCOLS))
@example({1: "a", "1": "b"}, 5)
@example(["shared"] * 3, 0)
@example([b"", bytes(300), "é" * 300, "\n\\u0041\\", 2.0**70, True, False], 0)
def test_whatever_python_pickles_of_plain_data_is_read(value: Any, protocol: int) -> None:
    pickled = pickle.dumps(value, protocol)
    if keys_collide(value):
        with pytest.raises(Unreadable, match="same text"):
            as_json(pickled, most_bytes=MOST_BYTES)
    else:
        assert json.loads(as_json(pickled, most_bytes=MOST_BYTES)) == plain(value)


@given(data)
def test_pythons_slower_pickler_and_its_options_are_read_alike(value: Any) -> None:
    if keys_collide(value):
        return
    as_rq_pickles = as_json(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), most_bytes=MOST_BYTES)
    for protocol in PROTOCOLS:
        for options in ({"fix_imports": False}, {"fix_imports": True}):
            slow: bytes = pickle._dumps(value, protocol, **options)  # type: ignore[attr-defined]
            assert as_json(slow, most_bytes=MOST_BYTES) == as_rq_pickles


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), '"2026-01-02T03:04:05.000006Z"'),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30), "IST")), '"2026-01-02T00:00:00+05:30"'),
        (datetime(2026, 10, 25, 2, 30, fold=1), '"2026-10-25T02:30:00"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(23, 59, 59, 999999, fold=1), '"23:59:59.999999"'),
        (timedelta(days=-1, seconds=2), '"-PT86398S"'),
        (Decimal("-1.50"), '"-1.50"'),
        (Decimal("1E+400"), '"1E+400"'),
        (UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        (b"\x00\xff", '"AP8="'),
        ((1, {"a": (2,)}), '[1,{"a":[2]}]'),
        ({3, 1, 2}, "[1,2,3]"),
        (frozenset({"b", "a"}), '["a","b"]'),
        ({1: 1, None: 2, 2.5: 3, date(1, 1, 1): 4}, '{"1":1,"null":2,"2.5":3,"0001-01-01":4}'),
        (2**300, str(2**300)),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_each_kind_is_written_as_documented(value: Any, written: str, protocol: int) -> None:
    assert as_json(pickle.dumps(value, protocol), most_bytes=MOST_BYTES).decode() == written


class Mine:
    def __init__(self) -> None:
        self.a = 1


class Text(str):
    __slots__ = ()


holds_itself: list[Any] = []
holds_itself.append(holds_itself)
in_a_tuple: tuple[list[Any]] = ([],)
in_a_tuple[0].append(in_a_tuple)
deep: list[Any] = []
for _ in range(MOST_DEPTH + 1):
    deep = [deep]

REFUSED: dict[str, tuple[Any, str]] = {
    "an object": (Mine(), "it names tests.jobs.test_pickled.Mine"),
    "a class": (Mine, "it names tests.jobs.test_pickled.Mine"),
    "a text of a class": (Text("a"), "it names tests.jobs.test_pickled.Text|copyreg|plain data"),
    "a class that may be named": (datetime, "plain data"),
    "another, in a list": ([set], "plain data"),
    "a function": (len, "it names (builtins|__builtin__).len"),
    "an exception": (ValueError("a"), "it names (builtins|exceptions).ValueError"),
    "an ordered dict": (OrderedDict(a=1), "it names collections.OrderedDict"),
    "complex": (1j, "it names (builtins|__builtin__).complex"),
    "a range": (range(3), "it names (builtins|__builtin__).x?range"),
    "a bytearray": (bytearray(b"a"), "it names (builtins|__builtin__).bytearray|plain data"),
    "a time zone alone": (UTC, "plain data"),
    "a time zone with seconds": (datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=5))), "with seconds"),
    "not a number": (math.nan, "plain data"),
    "infinite": ([math.inf], "plain data"),
    "a decimal that is no number": (Decimal("NaN"), "plain data"),
    "a half of a character": ("\ud800", "plain data"),
    "a key that is a tuple": ({(1, 2): 3}, "a key in it is no text"),
    "a key that is a set": ({frozenset(): 3}, "a key in it is no text"),
    "a list in itself": (holds_itself, "nested too deeply"),
    "a tuple in itself": (in_a_tuple, "nested too deeply|plain data"),
    "too deep": (deep, "nested too deeply"),
    "too large": ("x" * MOST_BYTES, "larger than"),
    "too many": ([0] * MOST_BYTES, "larger than"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("value", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_plain_data_is_refused_with_the_reason(value: Any, why: str, protocol: int) -> None:
    with pytest.raises(Unreadable, match=why):
        as_json(pickle.dumps(value, protocol), most_bytes=MOST_BYTES)


@given(data, st.sampled_from(PROTOCOLS), st.data())
def test_a_damaged_pickle_is_data_or_refused_and_nothing_else(value: Any, protocol: int, drawn: st.DataObject) -> None:
    pickled = bytearray(pickle.dumps(value, protocol))
    for _ in range(drawn.draw(st.integers(1, 4))):
        at = drawn.draw(st.integers(0, len(pickled) - 1))
        how = drawn.draw(st.sampled_from(["change", "drop", "add", "cut", "repeat"]))
        if how == "change":
            pickled[at] = drawn.draw(st.integers(0, 255))
        elif how == "add":
            pickled.insert(at, drawn.draw(st.integers(0, 255)))
        elif how == "repeat":
            pickled[at:at] = pickled[at // 2 : at]
        elif len(pickled) > 1:
            del pickled[at : at + 1 if how == "drop" else None]
        if not pickled:
            break
    _is_data_or_refused(bytes(pickled))


OPCODES = b"\x80\x04\x95NIJKMLFGVXC]}(tleas\x85\x86ubpqghRc\x93\x81\x94\x8f\x90\x91."


@given(st.binary(max_size=200) | st.lists(st.sampled_from(OPCODES)).map(bytes))
def test_any_bytes_are_data_or_refused_and_nothing_else(given_bytes: bytes) -> None:
    _is_data_or_refused(given_bytes)


def _is_data_or_refused(pickled: bytes) -> None:
    try:
        read = as_json(pickled, most_bytes=MOST_BYTES)
    except Unreadable:
        return
    json.loads(read)
    assert len(read) <= MOST_BYTES
