"""Job ids: 128 bits, two spellings. UUIDv7 is RFC 9562, section 5.7; `job_` is a ULID of the same bits.

Jobs of other code have names that RQ let them have.
"""

import re
import uuid

import uuid_utils
from ulid import ULID

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ULID = re.compile(r"job_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")
# Controls, line and paragraph separators, what is no UTF-8, and what a decoder puts in its place.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd]")
_RQ_ID_BYTES = 256


def new_id() -> str:
    """A fresh UUIDv7 in its canonical spelling; ids made later by the same process sort later."""
    return str(uuid_utils.uuid7())


def parse_id(text: str) -> str | None:
    """The id under which a job of ours is stored, from either spelling; None for what is neither."""
    if _UUID.fullmatch(text):
        return text.lower()
    if _ULID.fullmatch(text):
        return str(ULID.from_str(text[4:].upper()).to_uuid())
    return None


def is_rq_id(text: str) -> bool:
    """Whether RQ may know a job by this name: RQ 3 takes letters, digits, `_` and `-`; RQ 1 took any text."""
    return not _UNPRINTABLE.search(text) and 0 < len(text.encode()) <= _RQ_ID_BYTES


def as_ulid(job_id: str) -> str:
    """The `job_` spelling: 26 Crockford characters. An id that is no UUID is returned as it is."""
    if not _UUID.fullmatch(job_id):
        return job_id
    return f"job_{ULID.from_uuid(uuid.UUID(job_id))}"
