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
"""RQ 3.0's `rq.job.JobStatus`, total; what a newer RQ adds is read as queued (`store`)."""


class Failure(msgspec.Struct, frozen=True):
    """Why a job failed: a stable word to branch on and a sentence for people; never a traceback."""

    code: str
    message: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job as its caller may see it.

    `id` is the canonical UUID (or the RQ id of a job that other code enqueued). Times are whole milliseconds since
    the Unix epoch, UTC. `result` and `context` are JSON bytes, never decoded on their way out. `rq_status` is RQ's
    own word. `progress` is a percentage, 0 to 100.
    """

    id: str
    type: str
    state: State
    rq_status: str
    queue: str
    created_at: int
    owner: str = ""
    progress: int = 0
    message: str | None = None
    attempts: int = 0
    max_attempts: int = 1
    started_at: int | None = None
    ended_at: int | None = None
    updated_at: int = 0
    expires_at: int | None = None
    stalled: bool = False
    result: bytes | None = None
    error: Failure | None = None
    context: bytes = b"{}"
    original_id: str | None = None
    run_at: int | None = None
    cancel_requested: bool = False
