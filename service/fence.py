"""The fence: how a worker claims, keeps and ends an attempt. Only the holder of the current token can write."""

import logging
from typing import Any, Literal

import msgspec
from redis import Redis

from service import keys
from service.ids import new_id
from service.redisconnection import patiently
from service.scripts import load

log = logging.getLogger("pollable.worker")

OUTCOME_PATIENCE_S = 90.0
"""How long an outcome is offered to a Redis that does not answer."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that is ours: its token, and what to run. `payload` and `context` are JSON bytes."""

    job_id: str
    token: str
    attempt: int
    max_attempts: int
    type: str
    payload: bytes
    timeout_s: int
    context: bytes


class Refusal(msgspec.Struct, frozen=True):
    """The job is not to be run now: it is in this state (`missing` when there is no record)."""

    state: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended. `result` is JSON bytes; `delay_s` is the pause before another attempt, if one is left."""

    kind: Literal["succeeded", "failed", "stopped", "released"]
    result: bytes = b""
    code: str = ""
    message: str = ""
    may_retry: bool = False
    delay_s: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """What the record made of an outcome: `ended`, `retry`, `released` or `refused`; `attempts_left` after a retry."""

    kind: str
    state: str = ""
    delay_s: int = 0
    attempts_left: int = 0


class Fence:
    """The scripts `claim`, `renew` and `complete`, as one process uses them."""

    def __init__(self, redis: Redis, *, lease_s: float) -> None:
        self.lease_s = lease_s
        self._head = [keys.PREFIX, keys.RQ_PREFIX]
        self._lease_ms = int(lease_s * 1000)
        self._claim = redis.register_script(load("claim"))
        self._renew = redis.register_script(load("renew"))
        self._complete = redis.register_script(load("complete"))

    def claim(self, job_id: str) -> Claim | Refusal:
        """Begin an attempt. Raises redis' connection errors."""
        token = new_id()
        reply: Any = self._claim(args=[*self._head, job_id, token, self._lease_ms])
        if reply[0] != b"claimed":
            return Refusal(reply[1].decode())
        attempt, max_attempts, type_, payload, timeout_s, context = reply[1:]
        return Claim(
            job_id=job_id,
            token=token,
            attempt=int(attempt),
            max_attempts=int(max_attempts),
            type=type_.decode(),
            payload=payload,
            timeout_s=int(timeout_s),
            context=context,
        )

    def renew(self, claim: Claim, *progress: int | str) -> str:
        """Keep an attempt, with its percentage and message where there are any: `held`, `stop`, `done` or `lost`."""
        reply: Any = self._renew(args=[*self._head, claim.job_id, claim.token, self._lease_ms, *progress])
        return str(reply.decode())

    def complete(self, claim: Claim, outcome: Outcome, *, patience_s: float = OUTCOME_PATIENCE_S) -> Verdict:
        """End an attempt; while Redis is away the outcome is offered again, for `patience_s`.

        Raises redis' connection errors when patience ends.
        """
        arguments: list[str | bytes | int] = [
            *self._head,
            claim.job_id,
            claim.token,
            outcome.kind,
            outcome.result,
            outcome.code,
            outcome.message,
            int(outcome.may_retry),
            outcome.delay_s * 1000,
        ]
        what = f"the outcome of job {claim.job_id}"
        return _verdict(patiently(lambda: self._complete(args=arguments), what=what, patience_s=patience_s), claim)


def _verdict(reply: Any, claim: Claim) -> Verdict:
    kind = reply[0].decode()
    if kind == "retry":
        return Verdict(kind, "queued", int(reply[1]) // 1000, int(reply[2]))
    state = reply[1].decode()
    if kind == "refused":
        log.warning("late outcome of job %s, attempt %d, refused: the job is %s", claim.job_id, claim.attempt, state)
    return Verdict(kind, state)
