"""Jobs that other code enqueued with plain RQ, read from RQ's own hash. Nothing of them is ever unpickled."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from pollable.jobs.foreign_results import Results, traceback_of
from pollable.jobs.tracebacks import failure_told
from pollable.model import STATE_OF_RQ_STATUS, Failure, Job, State
from pollable.settings import Settings

log = logging.getLogger("pollable.store")

_CALL = re.compile(r"[A-Za-z_][\w.]*(?=\()")
_GAVE_UP = b"5"
_TOO_OFTEN = Failure("exception", "The job asked to be run again more often than it may.")
HEARTBEAT_LAPSED = "RQ has had no sign of life from the job's worker for longer than it waits for one."
HEARTBEAT_S = 90
"""RQ's workers report every 30 s, and RQ waits a minute longer."""
UNKNOWN_STATUSES = 100
"""So many are told of: a newer RQ has a few more, and a hash may have any text there."""
_unknown_statuses: set[str] = set()

RQ_FIELDS = (
    # The script goes by the first two.
    *("status", "origin", "description", "created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat"),
    *("result", "exc_info", "meta", "number_of_retries", "retries_left", "retry_intervals"),
)
"""What a read wants of RQ's hash, by the names there."""
_TIMES = ("created_at", "enqueued_at", "started_at", "ended_at", "last_heartbeat")

Fields = Mapping[str, bytes | None]
Times = Mapping[str, int | None]


class ForeignJobs:
    """Makes jobs of what `read.lua` found in RQ's keys."""

    def __init__(self, settings: Settings) -> None:
        self._expose_errors = settings.expose_errors
        self._results = Results(settings)

    async def job(self, row: Sequence[Any]) -> Job:
        """The job of a row of the script's reply, as far as its hash can be read; without what was left out of it."""
        left_out, job_id, now, expires_at, values, newest, lapses_at = row[1:]
        fields: Fields = dict(zip(RQ_FIELDS, values, strict=True))
        outcome = dict(zip(newest[::2], newest[1::2], strict=True))
        times = {name: _milliseconds(fields[name]) for name in _TIMES}
        word = (fields["status"] or b"created").decode(errors="replace")
        state, result, error = _state(word), None, None
        if state is State.SUCCEEDED and not left_out:
            result, error = await self._results.read(outcome, fields["result"])
            if error is not None and error.code == "result_unserializable":
                word, state = "failed", State.FAILED
        elif state is State.FAILED:
            error = self._failure(outcome, fields["exc_info"])
        is_lapsed = state is State.RUNNING and _is_lapsed(lapses_at, times, now=now)
        percent, message = self._results.progress(fields["meta"])
        attempts, max_attempts = _attempts(state, fields, times)
        return Job(
            id=job_id.decode(),
            type=_type(fields["description"]),
            state=state,
            rq_status=word,
            queue=(fields["origin"] or b"").decode(errors="replace"),
            created_at=times["created_at"] or times["enqueued_at"] or 0,
            read_at=now,
            progress=100 if state is State.SUCCEEDED else percent,
            message=message,
            attempts=attempts,
            max_attempts=max_attempts,
            started_at=times["started_at"],
            ended_at=times["ended_at"] if state.is_final else None,
            updated_at=max(time or 0 for time in times.values()),
            # To the second: what is left is known to a millisecond or two.
            expires_at=round(expires_at / 1000) * 1000 or None,
            stalled_reason=HEARTBEAT_LAPSED if is_lapsed else None,
            result=result,
            error=error,
        )

    def _failure(self, outcome: Mapping[bytes, bytes], exc_info: bytes | None) -> Failure:
        if outcome.get(b"type") == _GAVE_UP:
            return _TOO_OFTEN
        return failure_told(traceback_of(outcome, exc_info), expose=self._expose_errors)


def _state(word: str) -> State:
    state = STATE_OF_RQ_STATUS.get(word)
    if state is None:
        if word not in _unknown_statuses and len(_unknown_statuses) < UNKNOWN_STATUSES:
            _unknown_statuses.add(word)
            log.warning("RQ status %r is not known; jobs in it read as queued", word[:64])
        return State.QUEUED
    return state


def _type(description: bytes | None) -> str:
    # RQ's own description is a call with its arguments; only the function's name is fit to show.
    call = _CALL.match(description.decode(errors="replace")) if description else None
    return call.group() if call else "rq"


def _attempts(state: State, fields: Fields, times: Times) -> tuple[int, int]:
    """The least that the hash proves, and the most that it leaves.

    RQ counts down `retries_left` and does not keep from where. What it had is known before the first attempt, and where
    each retry has a pause of its own; `number_of_retries` counts only those that the job itself asked for.
    """
    left, waits = _number(fields["retries_left"]), not state.is_final and state is not State.RUNNING
    started_at, ended_at = times["started_at"], times["ended_at"]
    if started_at is None:
        return 0, 1 + left
    retried = max(_pauses(fields["retry_intervals"]) - left, 0) if fields["retries_left"] else 0
    retried += _number(fields["number_of_retries"])
    if state is State.RUNNING:
        # The end of an earlier attempt stays where it is until the next one's.
        retried = 0 if ended_at is None else max(retried, 1)
    attempts = max(retried, 1) if waits else retried + 1
    return attempts, attempts + left + waits


def _pauses(encoded: bytes | None) -> int:
    try:
        return len(msgspec.json.decode(encoded or b"", type=list[float]))
    except msgspec.DecodeError:
        return 0


def _number(text: bytes | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else 0


def _is_lapsed(lapses_at: Sequence[bytes], times: Times, *, now: int) -> bool:
    if lapses_at:
        return max(float(each) for each in lapses_at) * 1000 < now
    seen_at = times["last_heartbeat"] or times["started_at"]
    return seen_at is not None and seen_at + HEARTBEAT_S * 1000 < now


def _milliseconds(text: bytes | None) -> int | None:
    if not text:
        return None
    try:
        # RQ writes UTC, as %Y-%m-%dT%H:%M:%S.%fZ.
        return int(datetime.fromisoformat(text.decode()).timestamp() * 1000)
    except ValueError:
        return None
