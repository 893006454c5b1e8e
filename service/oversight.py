"""The parent's side of one attempt: it keeps the lease, hears wishes to stop and enforces the deadline."""

import logging
import time

from service.fence import Claim, Fence
from service.redisconnection import UNAVAILABLE

log = logging.getLogger("pollable.worker")

HARD_DEADLINE_S = 5.0
"""After its timeout a job that swallowed it has this long to return before its horse is killed."""


class Oversight:
    """Watches over one work-horse.

    While Redis is away the deadline stands still: the job may have ended in time and its outcome be waiting.
    """

    def __init__(self, claim: Claim, fence: Fence) -> None:
        self._claim = claim
        self._fence = fence
        self._renew_at = 0.0
        self._deadline_at = time.monotonic() + claim.timeout_s + HARD_DEADLINE_S

    def reason_to_end(self, *, release_at: float | None) -> str:
        """Why the horse must end now: `lost`, `stop`, `timeout` or `released`; empty while it may go on.

        `release_at` is when a worker that shuts down hands the job back.
        """
        now = time.monotonic()
        if now >= self._renew_at:
            self._renew_at = now + self._fence.lease_s / 3
            answer = self._renewed()
            if answer in {"stop", "lost"}:
                return answer
        if now > self._deadline_at:
            return "timeout"
        return "released" if release_at is not None and now > release_at else ""

    def is_unfinished(self) -> bool:
        """Whether the horse ended without ending the attempt: a job can end its process, with any exit code."""
        return self._renewed() in {"held", "stop"}

    def _renewed(self) -> str:
        try:
            return self._fence.renew(self._claim)
        except UNAVAILABLE as error:
            log.warning("the lease of job %s could not be renewed: %s", self._claim.job_id, error)
            self._deadline_at = max(self._deadline_at, time.monotonic() + HARD_DEADLINE_S)
            return "held"
