"""What a worker says of an attempt: that it has begun, and what became of it."""

import logging
import time
from typing import TYPE_CHECKING

from pollable.errors import JobError
from pollable.jobs.told import tell
from pollable.lines import Origin, traced
from pollable.worker import tracing

if TYPE_CHECKING:
    from pollable.worker.claims import Claim, Outcome, Settlement

_EVENTS = {"ended": "ended", "retry": "retried", "released": "handed_back", "refused": "refused"}
"""By what the record made of an outcome (`claims.Reception`)."""
_OUR_WORDS = ("killed", "timeout", "out_of_memory")
"""Codes whose messages quote nothing; unless a `JobError` has the same."""


def fields_of(claim: "Claim") -> dict[str, object]:
    """What every line about an attempt has, and every line that its job writes itself."""
    named = ("job_id", "type", "owner", "queue", "attempt")
    return {name: getattr(claim, name) for name in named} | traced(Origin(claim.request_id, claim.traceparent))


def started(claim: "Claim") -> None:
    """One line."""
    tell("started", fields_of(claim) | {"max_attempts": claim.max_attempts, "wait_s": _wait_s(claim)})


def settled(claim: "Claim", outcome: "Outcome", settlement: "Settlement") -> None:
    """One line of what became of the attempt; what nobody expected is an error, and a late outcome a warning."""
    tracing.settled(claim, outcome)
    event = _EVENTS[settlement.kind]
    is_strange = outcome.kind == "failed" and not isinstance(outcome.error, JobError)
    level = logging.WARNING if event == "refused" else logging.ERROR if is_strange else logging.INFO
    known = {
        "state": settlement.state,
        "code": outcome.code,
        "reason": outcome.message if is_strange and outcome.code in _OUR_WORDS else "",
        "retry_in_s": settlement.delay_s if event == "retried" else None,
        "duration_s": round(time.monotonic() - claim.began_at, 3),
        "wait_s": _wait_s(claim),
    }
    tell(event, fields_of(claim) | known, level=level, error=outcome.error if is_strange else None)


def _wait_s(claim: "Claim") -> float:
    # Both by Redis' clock: when the attempt was due, and when it was claimed.
    return max(0.0, (claim.updated_at - claim.run_at) / 1000)
