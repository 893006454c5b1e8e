"""The normalized job: what every envelope renders and nothing else of Pollable's inside."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a job stands. The first three may change; the last three are final."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    # In C. An enumeration's own is written in Python, and every look-up by a state goes through it.
    __hash__ = str.__hash__

    @property
    def is_final(self) -> bool:
        return self in FINAL_STATES


FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

STATE_OF_RQ_STATUS = {
    "created": State.QUEUED,
    "queued": State.QUEUED,
    "deferred": State.QUEUED,
    "rate_limited": State.QUEUED,
    "ready_to_enqueue": State.QUEUED,
    "scheduled": State.SCHEDULED,
    "started": State.RUNNING,
    "finished": State.SUCCEEDED,
    "failed": State.FAILED,
    "stopped": State.CANCELLED,
    "canceled": State.CANCELLED,
}
"""RQ 3.0's `rq.job.JobStatus`, total; what a newer RQ adds is read as queued (`jobs.foreign`)."""


_RQ_STATUS = {
    State.QUEUED: "queued",
    State.SCHEDULED: "scheduled",
    State.RUNNING: "started",
    State.SUCCEEDED: "finished",
    State.FAILED: "failed",
}


def rq_status_of(state: State, *, never_ran: bool) -> str:
    """RQ's word for a state; it has two for a cancelled job, which never began or was running."""
    if state is State.CANCELLED:
        return "canceled" if never_ran else "stopped"
    return _RQ_STATUS[state]


class Failure(msgspec.Struct, frozen=True):
    """Why a job failed: a stable word to branch on and a sentence for people; never a traceback."""

    code: str
    message: str


def failure_of_exception(name: str, text: str) -> Failure:
    """Of an exception that nobody meant for callers: its class, and its text where that may be read."""
    return Failure("exception", f"The job failed: {name}. {text}".rstrip())


class Job(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One job as its caller may see it.

    `id` is the canonical UUID (or the RQ id of a job that other code enqueued). Times are whole milliseconds since
    the Unix epoch, UTC, by Redis' clock; `read_at` is when it was so; `expected_ms` later it will have
    ended, if it is like others of its type (0: nobody says). `result` and `context` are JSON bytes, never
    decoded on their way out. `rq_status` is RQ's own word. `progress` is a percentage, 0 to 100; None where nobody
    knows. `stalled_reason` says why a job that should be on its way is not. `labels` are what its submitter finds it
    by, a JSON object of texts. `last_error` is why the attempt before failed, of a job that goes on. `reopened_at` is
    when a failed job was last requeued in RQ. `version` grows with every change that a script makes; 0 where nobody
    counts: of a job of other code, or one that an older release wrote.
    """

    id: str
    type: str
    state: State
    rq_status: str
    queue: str
    created_at: int
    read_at: int = 0
    expected_ms: int = 0
    owner: str = ""
    progress: int | None = 0
    message: str | None = None
    attempts: int = 0
    max_attempts: int = 1
    started_at: int | None = None
    ended_at: int | None = None
    updated_at: int = 0
    expires_at: int | None = None
    stalled_reason: str | None = None
    result: bytes | None = None
    error: Failure | None = None
    last_error: Failure | None = None
    context: bytes = b"{}"
    labels: bytes = b"{}"
    original_id: str | None = None
    run_at: int | None = None
    reopened_at: int | None = None
    version: int = 0

    def __eq__(self, other: object) -> bool:
        """Whether it is the same job as it was, whenever either was read."""
        return isinstance(other, Job) and _apart_from_when(self) == _apart_from_when(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    @property
    def is_result_left_out(self) -> bool:
        """Whether there is one that was not read, as in a list: one that cannot be read has an error in its place."""
        return self.state is State.SUCCEEDED and self.result is None and self.error is None

    @property
    def stalled(self) -> bool:
        return self.stalled_reason is not None


def _apart_from_when(job: Job) -> tuple[object, ...]:
    return tuple(getattr(job, name) for name in Job.__struct_fields__ if name not in ("read_at", "expected_ms"))
