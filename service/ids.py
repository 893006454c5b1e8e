"""Job ids: 128 bits, two spellings. UUIDv7 is RFC 9562, section 5.7; `job_` is a ULID of the same bits."""

import re
import uuid

import uuid_utils
from ulid import ULID

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ULID = re.compile(r"job_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}")
# What RQ 3.0 allows (`rq.job.JOB_ID_PATTERN`), with a length that RQ does not set.
_RQ_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def new_id() -> str:
    """A fresh UUIDv7 in its canonical spelling; ids made later by the same process sort later."""
    return str(uuid_utils.uuid7())


def parse_id(text: str) -> str | None:
    """The id under which a job is stored, of either spelling or an id of RQ's own; None for what can be no id."""
    if _UUID.fullmatch(text):
        return text.lower()
    if _ULID.fullmatch(text):
        return str(ULID.from_str(text[4:].upper()).to_uuid())
    return text if _RQ_ID.fullmatch(text) else None


def as_ulid(job_id: str) -> str:
    """The `job_` spelling: 26 Crockford characters. An id that is no UUID is returned as it is."""
    if not _UUID.fullmatch(job_id):
        return job_id
    return f"job_{ULID.from_uuid(uuid.UUID(job_id))}"
