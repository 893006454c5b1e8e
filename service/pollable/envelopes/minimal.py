"""`minimal`: only what a client needs to go on."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from pollable import ids
from pollable.envelopes.envelope import Envelope, Shapes
from pollable.envelopes.outcome import as_paged, failure_of, result_of
from pollable.envelopes.times import Moment, to_seconds
from pollable.model import Failure, Job, State

WORDS = {
    State.QUEUED: "running",
    State.SCHEDULED: "running",
    State.RUNNING: "running",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}
Word = Annotated[str, Meta(extra_json_schema={"enum": list(dict.fromkeys(WORDS.values()))})]

LONGEST_INTERVAL_S = 10


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Every key is always present. `updatedAt` is when `status` last changed, in the words of this API."""

    id: str
    type: str
    status: Word
    created_at: Moment
    updated_at: Moment
    result: Raw | None
    error: Failure | None


class Minimal(Envelope):
    """`GET /api/v1/jobs/{id}`"""

    name = "minimal"
    read_path = "/api/v1/jobs/{id}"
    shapes = Shapes(read=Body, accepted=Body)

    def render(self, job: Job) -> bytes:
        job = as_paged(job)
        body = Body(
            id=self.id_of(job),
            type=job.type,
            status=WORDS[job.state],
            created_at=to_seconds(job.created_at),
            updated_at=to_seconds(_worded_at(job)),
            result=result_of(job),
            error=failure_of(job),
        )
        return msgspec.json.encode(body)

    def poll_interval_s(self, age_s: float) -> int:
        return max(1, min(LONGEST_INTERVAL_S, 1 + int(age_s / 10)))

    def spelled(self, job_id: str) -> str:
        return ids.as_ulid(job_id)


def _worded_at(job: Job) -> int:
    # It runs from the first: a claim, progress and another attempt change nothing here.
    # The requeue of a failed job does.
    if not job.state.is_final:
        return job.reopened_at or job.created_at
    return job.ended_at or job.updated_at or job.created_at


envelope = Minimal()
