"""The poller: samples every live job ten times a second, and goes on looking at those that ended.

I2: final bytes never change. I3: only legal transitions.
"""

import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

SAMPLE_S = 0.1
AT_ONCE = 100
ENDED_AT_ONCE = 200
"""Of those that ended, so many a sample, in turn."""
FINAL = frozenset({"succeeded", "failed", "cancelled"})


class Seen(msgspec.Struct, frozen=True):
    """A job as it was shown. `content` is all of what was shown, byte for byte."""

    state: str
    attempts: int
    most_attempts: int
    has_result: bool
    content: bytes

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    def __str__(self) -> str:
        return f"{self.state} at attempt {self.attempts}: {self.content[-300:]!r}"


class Face(Protocol):
    """Where states are read: the service over HTTP, or what an application by hand reads of RQ."""

    def read(self, ids: Sequence[str]) -> list[Seen | None] | None:
        """None for what is not there; None without an answer."""


class Change(msgspec.Struct, frozen=True):
    """From `at` (seconds since the epoch) on the job was seen so."""

    at: float
    seen: Seen


class Poller:
    """A thread of its own."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._changes: dict[str, list[Change]] = {}
        self._live: set[str] = set()
        self._ended: deque[str] = deque()
        self._vanished: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poller", daemon=True)
        self.violations: list[str] = []
        self.rounds = 0
        self.longest_round_s = 0.0
        self.may_expire = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Does nothing the second time, nor where it never began."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def watch(self, job_id: str) -> None:
        """From now on."""
        with self._lock:
            self._changes[job_id] = []
            self._live.add(job_id)

    def forget(self, job_ids: Collection[str]) -> None:
        """Look at none of these any more."""
        with self._lock:
            self._live.difference_update(job_ids)
            self._ended = deque(job_id for job_id in self._ended if job_id not in job_ids)
            for job_id in job_ids:
                self._changes.pop(job_id, None)

    @property
    def ids(self) -> list[str]:
        with self._lock:
            return list(self._changes)

    def live(self) -> set[str]:
        """Those that were not seen ended."""
        with self._lock:
            return set(self._live)

    def moving(self, *, within_s: float) -> int:
        """How many live ones there are but for those of which nothing was news for so long: these may be lost."""
        since = time.time() - within_s
        with self._lock:
            live = [self._changes[job_id] for job_id in self._live]
        return sum(not changes or changes[-1].at > since for changes in live)

    def changes(self, job_id: str) -> list[Change]:
        """Every different answer so far, oldest first."""
        with self._lock:
            return list(self._changes[job_id])

    def last(self, job_id: str) -> Seen | None:
        """As it was seen last."""
        changes = self.changes(job_id)
        return changes[-1].seen if changes else None

    def read_all(self) -> None:
        """Look at every job once more."""
        self._sample(self.ids)

    def _run(self) -> None:
        try:
            self._poll()
        except Exception as error:
            self.violations.append(f"the poller broke: {error!r}")
            raise

    def _poll(self) -> None:
        while not self._over.is_set():
            began_at = time.monotonic()
            with self._lock:
                ids = list(self._live)
                for _ in range(min(ENDED_AT_ONCE, len(self._ended))):
                    ids.append(self._ended[0])
                    self._ended.rotate(-1)
            self._sample(ids)
            took_s = time.monotonic() - began_at
            self.rounds += 1
            self.longest_round_s = max(self.longest_round_s, took_s)
            self._over.wait(max(0.0, SAMPLE_S - took_s))

    def _sample(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), AT_ONCE):
            some = ids[first : first + AT_ONCE]
            found = self._face.read(some)
            if found is None:
                return
            at = time.time()
            with self._lock:
                for job_id, seen in zip(some, found, strict=True):
                    self._note(job_id, at, seen)

    def _note(self, job_id: str, at: float, seen: Seen | None) -> None:
        changes = self._changes.get(job_id)
        if changes is None:
            return
        before = changes[-1].seen if changes else None
        if seen is None:
            if not self.may_expire and job_id not in self._vanished:
                self._vanished.add(job_id)
                self.violations.append(f"I3: {job_id} vanished; it was {before}")
            return
        if before is not None and before.content == seen.content:
            return
        if wrong := wrong_between(before, seen):
            self.violations.append(f"{job_id} {wrong}: from {before} to {seen}")
        changes.append(Change(at, seen))
        if seen.is_final and job_id in self._live:
            self._live.discard(job_id)
            self._ended.append(job_id)
        elif not seen.is_final and job_id not in self._live:
            # A violation, but where Redis lost what it had answered: then there is an end to come.
            self._ended.remove(job_id)
            self._live.add(job_id)


def wrong_between(before: Seen | None, after: Seen) -> str | None:
    """What no caller may see happen between two looks; None where all is well."""
    if before is not None and before.is_final:
        return "I2: changed after its end"
    if after.attempts > after.most_attempts >= 0:
        return "I3: has more attempts than it may"
    if before is not None and after.attempts < before.attempts:
        return "I3: went back to an earlier attempt"
    if after.state == "running" and after.attempts == 0:
        return "I3: runs without an attempt"
    if before is not None and (before.state, after.state) == ("queued", "scheduled"):
        return None if after.attempts > before.attempts else "I3: went from queued to scheduled"
    if (after.state == "succeeded") != after.has_result:
        return "I3: has a result that is not its own"
    return None
