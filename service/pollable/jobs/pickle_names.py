"""What a pickle of plain data may name, and how it is built: here, of arguments in the one shape that Python writes.

A moment is text at once, as `pollable.serializer` writes it; a UUID is an `Identifier` until its number comes.
"""

import re
import uuid
from datetime import date, datetime, time, timedelta, timezone
from struct import Struct
from typing import Any

import msgspec

_DECIMAL = re.compile(r"-?[0-9]{1,4300}(?:\.[0-9]{1,4300})?(?:E[+-][0-9]{1,19})?")
_FIT_TO_SHOW = re.compile(r"[\w.]{1,100}")
_MOMENT, _DAY, _CLOCK = Struct(">HBBBBBBH"), Struct(">HBB"), Struct(">BBBBH")


TOO_LARGE = "it is larger than POLLABLE_MAX_RESULT_BYTES allows"


class Unreadable(Exception):
    """No plain data, or more of it than may be. The text says which, of an "it"."""


class Members(list[Any]):
    """A set's members. No set: nothing is hashed or compared before it is known to be small."""

    __slots__ = ()


class Identifier:
    """A UUID, whose number comes after it."""

    number: Any = None

    def text(self) -> str:
        """Raises `TypeError` and `ValueError` where the number is none, or too large."""
        return str(uuid.UUID(int=exactly(int, self.number)))


def named(full_name: str) -> Any:
    """What builds the value of its arguments, or raises `TypeError` or `ValueError`; for a module and a name in it.

    Raises `Unreadable` for all that is no plain data.
    """
    if full_name not in _NAMES:
        shown = full_name.replace(" ", ".")
        raise Unreadable(f"it names {shown}" if _FIT_TO_SHOW.fullmatch(shown) else "it names what is no plain data")
    return _NAMES[full_name]


def exactly(kind: type, value: Any) -> Any:
    """The value, which must be of this very kind. Raises `TypeError`."""
    if type(value) is not kind:
        raise TypeError
    return value


def _datetime(raw: Any, zone: Any = None) -> Any:
    year, month, day, hour, minute, second, high, low = _MOMENT.unpack(exactly(bytes, raw))
    # The highest bit tells the second of two equal hours; beside a fixed offset it says nothing.
    return msgspec.to_builtins(datetime(year, month & 0x7F, day, hour, minute, second, (high << 16) + low, _zone(zone)))


def _time(raw: Any, zone: Any = None) -> Any:
    hour, minute, second, high, low = _CLOCK.unpack(exactly(bytes, raw))
    return msgspec.to_builtins(time(hour & 0x7F, minute, second, (high << 16) + low, _zone(zone)))


def _date(raw: Any) -> str:
    return date(*_DAY.unpack(exactly(bytes, raw))).isoformat()


def _zone(zone: Any) -> timezone | None:
    return None if zone is None else exactly(timezone, zone)


def _timezone(offset: Any, name: Any = "") -> timezone:
    if exactly(timedelta, offset) % timedelta(minutes=1):
        # RFC 3339 has no seconds there, and without them the moment would be another one.
        raise Unreadable("it has a time zone with seconds")
    return timezone(offset, exactly(str, name))


def _timedelta(days: Any, seconds: Any, microseconds: Any) -> timedelta:
    return timedelta(exactly(int, days), exactly(int, seconds), exactly(int, microseconds))


def _bytes(text: Any, codec: Any) -> bytes:
    # As the protocols before 3 write bytes.
    if codec != "latin1":
        raise ValueError
    encoded: bytes = exactly(str, text).encode("latin1")
    return encoded


def _decimal(text: Any) -> str:
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return str(text)


def _members(items: Any) -> Members:
    return Members(exactly(list, items))


def _object() -> None:
    raise TypeError


def identifier(*of: Any) -> Identifier:
    """A UUID to be: in the protocols before 2 of what it is, what its base is, and the base's state."""
    if of not in ((), (identifier, _object, None)):
        raise TypeError
    return Identifier()


_NAMES: dict[str, Any] = {
    "datetime datetime": _datetime,
    "datetime date": _date,
    "datetime time": _time,
    "datetime timedelta": _timedelta,
    "datetime timezone": _timezone,
    "decimal Decimal": _decimal,
    "uuid UUID": identifier,
    "_codecs encode": _bytes,
    # Python 2's names of modules are those of the protocols before 3.
    **dict.fromkeys(("copyreg _reconstructor", "copy_reg _reconstructor"), identifier),
    **dict.fromkeys(("builtins object", "__builtin__ object"), _object),
    **dict.fromkeys(("builtins bytes", "__builtin__ bytes"), lambda: b""),
    **dict.fromkeys((f"{of} {name}" for of in ("builtins", "__builtin__") for name in ("set", "frozenset")), _members),
}
