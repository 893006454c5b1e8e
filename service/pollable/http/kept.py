"""Answers about jobs that ended, kept for a second: they stay what they are, and a busy caller asks again and again."""

import math
from collections.abc import Callable
from time import monotonic

from pollable.http.replies import Reply
from pollable.jobs.changes import Change, Changes
from pollable.model import Job

KEPT_S = 1.0
"""Nobody publishes what an operator does to a job on RQ's side: no answer is older than this."""
MOST, LARGEST_BYTES = 2_000, 8_192
"""Answers, and the body of each: 16 MB at most."""
PAST_S = 5.0
"""A change so long ago is older than any read of Redis that is under way, and than any answer."""

Key = tuple[str, str, str | None, str]
"""Which API, below which prefix, whose jobs are seen, and the id as it was given."""


Entry = tuple[Reply | None, str, float, float]
"""A reply, of which job it tells, when Redis was asked, and until when it may be given (`monotonic`)."""
NONE: Entry = (None, "", 0.0, 0.0)


class Kept:
    """The answers of one process. None is given unless every change of its job since then would have been heard."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._unsubscribe: Callable[[], object] = lambda: None
        self._heard_since = math.inf
        # Both in the order of time.
        self._entries: dict[Key, Entry] = {}
        self._changed_at: dict[str, float] = {}

    def get(self, key: Key) -> Reply | None:
        """The answer, unless it may be another by now."""
        reply, job_id, asked_at, until = self._entries.get(key, NONE)
        unheard_until = max(self._heard_since, self._changed_at.get(job_id, 0.0))
        is_true = asked_at > unheard_until and monotonic() < until and self._changes.is_listening
        return reply if is_true else None

    def put(self, key: Key, reply: Reply, job: Job, *, asked_at: float) -> None:
        """Keep the answer about a job; once it has ended, and if scripts of this release tell of its changes."""
        if job.expires_at is None or not job.version or len(reply.body) > LARGEST_BYTES:
            return
        if not self._changes.is_listening:
            self._unsubscribe()
            self._unsubscribe = self._changes.subscribe(self._heard)
        self._entries.pop(key, None)
        until = asked_at + min(KEPT_S, (job.expires_at - job.read_at) / 1000)
        self._entries[key] = reply, job.id, asked_at, until
        if len(self._entries) > MOST:
            del self._entries[next(iter(self._entries))]

    def forget(self, job_id: str) -> None:
        """Whatever is known of the job, by its canonical id, is out of date."""
        now = monotonic()
        self._changed_at.pop(job_id, None)
        self._changed_at[job_id] = now
        while next(iter(self._changed_at.values())) + PAST_S < now:
            del self._changed_at[next(iter(self._changed_at))]

    def _heard(self, change: Change | None) -> None:
        if change is None:
            self._heard_since = monotonic()
        else:
            self.forget(change.job_id)
