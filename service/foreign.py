"""Jobs that other code enqueued with plain RQ, read from RQ's own hash. Nothing of them is ever unpickled."""

import base64
import binascii
import logging
import re
import time
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from service.model import STATE_OF_RQ_STATUS, Failure, Job, State

log = logging.getLogger("pollable.store")

_CALL = re.compile(r"[A-Za-z_][\w.]*(?=\()")
_SUCCESSFUL = b"1"
MESSAGE_LENGTH = 500
_unknown_statuses: set[str] = set()


def foreign_job(job_id: str, row: Sequence[Any], *, expose_errors: bool) -> Job:
    """The job of an RQ hash, from a reply of `read.lua`: status, times, and the result where it is JSON."""
    ttl_ms, values, newest = row[1], row[2], row[3]
    status, origin, description, created_at, enqueued_at, started_at, ended_at, heartbeat, result, exc_info = values
    word = status.decode(errors="replace") if status else "created"
    state = _state(word)
    outcome = dict(zip(newest[::2], newest[1::2], strict=True))
    encoded = _result_bytes(outcome, result) if state is State.SUCCEEDED else None
    readable = encoded is not None and _is_json(encoded)
    times = [_milliseconds(text) for text in (created_at, enqueued_at, started_at, ended_at, heartbeat)]
    return Job(
        id=job_id,
        type=_type(description),
        state=state,
        rq_status=word,
        queue=origin.decode(errors="replace") if origin else "",
        created_at=times[0] or times[1] or 0,
        progress=100 if state is State.SUCCEEDED else 0,
        attempts=1 if started_at else 0,
        started_at=times[2],
        ended_at=times[3] if state.is_final else None,
        updated_at=max(time or 0 for time in times),
        expires_at=_expiry(ttl_ms),
        result=encoded if readable else (b"null" if state is State.SUCCEEDED and encoded is None else None),
        error=_failure(state, outcome, exc_info, unreadable=encoded is not None and not readable, expose=expose_errors),
    )


def _state(word: str) -> State:
    state = STATE_OF_RQ_STATUS.get(word)
    if state is None:
        if word not in _unknown_statuses:
            _unknown_statuses.add(word)
            log.warning("RQ status %r is not known; jobs in it read as queued", word[:64])
        return State.QUEUED
    return state


def _type(description: bytes | None) -> str:
    # RQ's own description is a call with its arguments; only the function's name is fit to show.
    call = _CALL.match(description.decode(errors="replace")) if description else None
    return call.group() if call else "rq"


def _result_bytes(outcome: dict[bytes, bytes], legacy: bytes | None) -> bytes | None:
    if outcome.get(b"type") == _SUCCESSFUL and b"return_value" in outcome:
        return _unwrapped(outcome[b"return_value"])
    return legacy


def _unwrapped(text: bytes) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _is_json(encoded: bytes) -> bool:
    try:
        msgspec.json.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _failure(
    state: State, outcome: dict[bytes, bytes], exc_info: bytes | None, *, unreadable: bool, expose: bool
) -> Failure | None:
    if unreadable:
        return Failure("result_unreadable", "The job finished, but its result is not JSON.")
    if state is not State.FAILED:
        return None
    traceback = _inflate(_unwrapped(outcome[b"exc_string"]) if b"exc_string" in outcome else exc_info)
    last_line = traceback.strip().rpartition("\n")[2][:MESSAGE_LENGTH]
    return Failure("exception", last_line if expose and last_line else "The job failed.")


def _inflate(data: bytes | None) -> str:
    try:
        return zlib.decompress(data or b"").decode(errors="replace")
    except zlib.error:
        return (data or b"").decode(errors="replace")


def _milliseconds(text: bytes | None) -> int | None:
    if not text:
        return None
    try:
        # RQ writes UTC, as %Y-%m-%dT%H:%M:%S.%fZ.
        return int(datetime.fromisoformat(text.decode()).timestamp() * 1000)
    except ValueError:
        return None


def _expiry(ttl_ms: int) -> int | None:
    # To the second: two reads of the same job, a millisecond apart, must not differ.
    return round(time.time() + ttl_ms / 1000) * 1000 if ttl_ms > 0 else None
