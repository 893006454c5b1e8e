"""Plain data in a pickle, as JSON. A few bytes can stand for more data than there is memory: size and depth end."""

import json
from datetime import timedelta
from typing import Any

import msgspec

from pollable.jobs.opcodes import FAULTS, Pairs, read
from pollable.jobs.pickle_names import TOO_LARGE, Identifier, Members, Unreadable

__all__ = ["Unreadable", "as_json"]

MOST_DEPTH = 100
INPUT_FACTOR = 4
"""Bytes of pickle that are looked at for each byte that the JSON may have."""


def as_json(data: bytes, *, most_bytes: int) -> bytes:
    """The data of a pickle as JSON of at most so many bytes. Raises `Unreadable`, and nothing else."""
    if len(data) > most_bytes * INPUT_FACTOR:
        raise Unreadable(TOO_LARGE)
    try:
        plain = _Expansion(most_bytes).plain(read(data, most_steps=most_bytes))
        encoded = _dumps(plain).encode()
    except FAULTS:
        raise Unreadable("it is neither JSON nor a pickle of plain data") from None
    if len(encoded) > most_bytes:
        raise Unreadable(TOO_LARGE)
    return encoded


def _dumps(plain: Any) -> str:
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


class _Expansion:
    """From what was read to what `json` writes, everything that is shared written out, up to a size."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes

    def plain(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        self._spend(_least_bytes(value, kind))
        if value is None or kind in (str, bool, int, float):
            return value
        if kind in (bytes, timedelta):
            return msgspec.to_builtins(value)
        if kind is Identifier:
            return value.text()
        if depth == MOST_DEPTH:
            raise Unreadable("it is nested too deeply")
        if kind in (list, tuple):
            return [self.plain(each, depth + 1) for each in value]
        if kind is Members:
            return _sorted([self.plain(each, depth + 1) for each in value])
        if kind is Pairs:
            return self._dict(value, depth + 1)
        raise Unreadable("it is no plain data")

    def _dict(self, pairs: Pairs, depth: int) -> dict[str, Any]:
        made = {self._key(key): self.plain(value, depth) for key, value in pairs}
        if len(made) < len(pairs):
            raise Unreadable("two keys in it are the same text")
        return made

    def _key(self, key: Any) -> str:
        if type(key) in (list, tuple, Members, Pairs):
            raise Unreadable("a key in it is no text")
        plain = self.plain(key)
        # As `json` writes keys that are no text.
        return plain if type(plain) is str else _dumps(plain)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Unreadable(TOO_LARGE)


def _least_bytes(value: Any, kind: type) -> int:
    if kind in (str, bytes):
        return len(value) + 2
    # A digit is three bits and a third.
    return 1 + (value.bit_length() >> 2) if kind is int else 1


def _sorted(values: list[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return values
