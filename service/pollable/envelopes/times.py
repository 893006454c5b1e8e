"""Points in time as envelopes print them: RFC 3339, UTC, `Z`."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, overload

from msgspec import Meta

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""One of them in a body."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@overload
def to_milliseconds(at: int) -> str: ...
@overload
def to_milliseconds(at: None) -> None: ...
@overload
def to_milliseconds(at: int | None) -> str | None: ...
def to_milliseconds(at: int | None) -> str | None:
    """`2026-03-04T12:00:00.000Z` from milliseconds since the epoch."""
    if at is None:
        return None
    return _printed(at, "milliseconds")


@overload
def to_seconds(at: int) -> str: ...
@overload
def to_seconds(at: None) -> None: ...
@overload
def to_seconds(at: int | None) -> str | None: ...
def to_seconds(at: int | None) -> str | None:
    """`2026-03-04T12:00:00Z` from milliseconds since the epoch; what is less than a second is cut off."""
    if at is None:
        return None
    return _printed(at, "seconds")


@lru_cache(8_192)
def _printed(at: int, timespec: str) -> str:
    # The moments of a job that is polled are printed at each poll.
    try:
        return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec=timespec) + "Z"
    except OverflowError:
        # Only other code writes such a time. RFC 3339 has years of four digits.
        return (datetime.max if at > 0 else datetime.min).isoformat(timespec=timespec) + "Z"
