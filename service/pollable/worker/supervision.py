"""The parent's side of one attempt: it keeps the lease, hears wishes to stop and enforces the deadline."""

import time
from enum import Enum, auto

from pollable.storage.connection import tolerated
from pollable.worker.claims import RENEWED_AGAIN_AFTER_S, Claim, Claims, Lease

HARD_DEADLINE_S = 5.0
"""After its timeout a job that swallowed it has this long to return before its horse is killed."""


class Cause(Enum):
    """Why an attempt does not go on to its own end."""

    LOST = auto()
    """It is no longer the current one."""
    STOPPED = auto()
    """Somebody asked for the job to be cancelled."""
    TIMED_OUT = auto()
    RELEASED = auto()
    """The worker is going away."""
    DIED = auto()
    """Its process ended by itself, or was killed by somebody else."""


_CAUSE_OF_LEASE = {Lease.HELD: None, Lease.DONE: None, Lease.STOP: Cause.STOPPED, Lease.LOST: Cause.LOST}


class Supervision:
    """Watches over one work-horse.

    While Redis is away the deadline stands still: the job may have ended in time and its outcome be waiting.
    """

    def __init__(self, claim: Claim, claims: Claims) -> None:
        self._claim = claim
        self._claims = claims
        self._renew_at = time.monotonic() + claims.renew_every_s
        self._deadline_at = time.monotonic() + claim.timeout_s + HARD_DEADLINE_S

    def cause_to_end(self, *, release_at: float | None) -> Cause | None:
        """Why the horse must end now; None while it may go on.

        `release_at` is when a worker that shuts down hands the job back.
        """
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew_at = now + self._claims.renew_every_s
            cause = _CAUSE_OF_LEASE[self._renewed()]
            if cause is not None:
                return cause
        if now > self._deadline_at:
            return Cause.TIMED_OUT
        return Cause.RELEASED if release_at is not None and now > release_at else None

    def is_unfinished(self) -> bool:
        """Whether the horse ended without ending the attempt: a job can end its process, with any exit code."""
        return self._renewed() in (Lease.HELD, Lease.STOP)

    def _renewed(self) -> Lease:
        with tolerated(f"the lease of job {self._claim.job_id}"):
            return self._claims.renew(self._claim)
        now = time.monotonic()
        self._renew_at = min(self._renew_at, now + RENEWED_AGAIN_AFTER_S)
        self._deadline_at = max(self._deadline_at, now + HARD_DEADLINE_S)
        return Lease.HELD
