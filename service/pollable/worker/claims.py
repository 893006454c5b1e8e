"""The claims: how a worker begins, keeps and ends an attempt. Only the holder of the current token can write."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec
from redis import Redis
from rq.utils import now, utcformat

from pollable.ids import new_id
from pollable.storage import keys
from pollable.storage.connection import patiently
from pollable.storage.scripts import source
from pollable.worker import told

RENEWED_AT_MOST_EVERY_S = 2.0
"""A renewal also hears of a wish to stop, which an operator may have left in RQ alone."""

RQ_RESULT_BYTES = 4096

RENEWED_AGAIN_AFTER_S = 0.5
"""After a renewal that Redis did not take: once it is back, workers must be quicker than the reaper."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt that is ours: its token, and what to run. `payload`, `context` and `labels` are JSON bytes.

    `rq_hash` is RQ's hash of the job. `run_at` is when it was due and `updated_at` when it was claimed, in ms by Redis'
    clock; `began_at` is monotonic. The token is also the id of RQ's execution.
    """

    job_id: str
    token: str
    rq_hash: dict[bytes, bytes] = {}
    attempt: int
    max_attempts: int
    type: str
    queue: str = ""
    owner: str
    payload: bytes
    timeout_s: int
    run_at: int = 0
    updated_at: int = 0
    context: bytes
    labels: bytes = b"{}"
    request_id: str = ""
    traceparent: str = ""
    began_at: float = msgspec.field(default_factory=time.monotonic)


CLAIMED = tuple(name for name in Claim.__struct_fields__ if name not in ("job_id", "token", "rq_hash", "began_at"))
"""The fields of the record that a claim takes along, by their names there."""
_JSON = ("payload", "context", "labels")


class Refused(msgspec.Struct, frozen=True):
    """The job is not to be run here: the state that it is in, `missing` (no record) or `unknown_type`."""

    state: str


class Lease(StrEnum):
    """What the record says of an attempt whose lease was to be renewed."""

    HELD = "held"
    STOP = "stop"
    """Held, and somebody asked for the job to be cancelled."""
    DONE = "done"
    """The attempt has ended itself."""
    LOST = "lost"
    """It is no longer the current one."""


class Progress(msgspec.Struct, frozen=True):
    """How far an attempt is: 0 to 100, and a word on what it does."""

    percent: int
    message: str


class Ending(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    """On request."""
    RELEASED = "released"
    """Handed back: its worker is going away."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt ended with. `result` is JSON bytes, `delay_s` the pause before another attempt.

    `error` is what was raised, where the log may tell it.
    """

    kind: Ending
    result: bytes = b""
    code: str = ""
    message: str = ""
    may_retry: bool = False
    delay_s: int = 0
    error: BaseException | None = None


class Reception(StrEnum):
    """What the record made of an outcome."""

    AWAITED = "awaited"
    """There is none yet."""
    ENDED = "ended"
    RETRY = "retry"
    RELEASED = "released"
    REFUSED = "refused"


class Settlement(msgspec.Struct, frozen=True):
    """The answer to an outcome. `state` is the job's now; `delay_s` and `attempts_left` are those of a retry.

    `is_short`: Redis' memory is. `is_noted`: RQ's books of a success are kept already.
    """

    kind: Reception
    state: str = ""
    delay_s: int = 0
    attempts_left: int = 0
    is_short: bool = False
    is_noted: bool = False


class Claims:
    """The scripts `claim`, `renew` and `complete`, as one process uses them.

    `types` are the job types that it knows. `rq_pushes`: whether RQ puts a job that is tried again back on its way.
    `books`: RQ's name of the worker whose books the scripts keep, and the most seconds until RQ hears of it again.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        lease_s: float,
        types: Iterable[str],
        rq_pushes: bool = False,
        books: tuple[str, int] = ("", 0),
    ) -> None:
        self.gives_up: Callable[[], bool] = lambda: False
        """Whether there is no time left to wait for a Redis that is away."""
        self.renew_every_s = min(lease_s / 3, RENEWED_AT_MOST_EVERY_S)
        self._types = " ".join(types)
        self._rq_pushes = rq_pushes
        self._worker, self._beat_s = books
        self._head = [keys.PREFIX, keys.RQ_PREFIX]
        self._lease_ms = int(lease_s * 1000)
        self._claim = redis.register_script(source("claim"))
        self._renew = redis.register_script(source("renew"))
        self._complete = redis.register_script(source("complete"))

    def claim(self, job_id: str) -> Claim | Refused:
        """Begin an attempt, once Redis takes it. Raises the last of redis' errors when patience ends."""
        token = new_id()
        books = [self._worker, utcformat(now()), str(self._beat_s)]
        arguments = [*self._head, job_id, token, str(self._lease_ms), self._types, *books, *CLAIMED]
        what = f"the claim of job {job_id}"
        reply: Any = patiently(lambda: self._claim(args=arguments), what=what, gives_up=self.gives_up)
        if reply[0] != b"claimed":
            return Refused(reply[1].decode())
        found = {name: value for name, value in zip(CLAIMED, reply[2:], strict=True) if value is not None}
        fields = {name: value if name in _JSON else value.decode() for name, value in found.items()}
        rq_hash = dict(zip(reply[1][::2], reply[1][1::2], strict=True))
        claim = msgspec.convert({"job_id": job_id, "token": token, **fields}, Claim, strict=False)
        claim = msgspec.structs.replace(claim, rq_hash=rq_hash)
        told.started(claim)
        return claim

    def renew(self, claim: Claim, *, progress: Progress | None = None) -> Lease:
        """Keep an attempt, and write its progress where there is any. Raises redis' errors."""
        news: list[str | int] = [] if progress is None else [progress.percent, progress.message]
        reply: Any = self._renew(args=[*self._head, claim.job_id, claim.token, self._lease_ms, *news])
        return Lease(reply.decode())

    def complete(self, claim: Claim, outcome: Outcome, *, is_patient: bool = True) -> Settlement:
        """End an attempt; while Redis is away the outcome is offered again, since nobody else can have the job then.

        Raises the last of redis' errors when patience ends.
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
            int(self._rq_pushes),
            self._worker,
            utcformat(now()),
            # RQ 3.0, `Result.serialize`: nothing of null.
            b"" if outcome.result == b"null" else b64encode(shown_in_rq(outcome.result)),
        ]
        what = f"the outcome of job {claim.job_id}"
        gives_up = self.gives_up if is_patient else lambda: True
        settlement = _settlement(patiently(lambda: self._complete(args=arguments), what=what, gives_up=gives_up))
        told.settled(claim, outcome, settlement)
        return settlement


def shown_in_rq(encoded: bytes) -> bytes:
    """A result as RQ is told it: of a large one its size, since the record has it."""
    return encoded if len(encoded) <= RQ_RESULT_BYTES else b'{"result_bytes":%d}' % len(encoded)


def _settlement(reply: Any) -> Settlement:
    kind, state = Reception(reply[0].decode()), reply[1].decode()
    if kind is Reception.RETRY:
        return Settlement(kind, state, int(reply[2]) // 1000, int(reply[3]))
    return Settlement(kind, state, 0, 0, *map(bool, reply[2:]))
