"""`record`: the job as a row, in capitals."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from pollable.envelopes.envelope import Envelope, Shapes
from pollable.envelopes.outcome import as_paged, failure_of, result_of
from pollable.envelopes.times import Moment, to_milliseconds
from pollable.model import Job, State

WORDS = {
    State.QUEUED: "PENDING",
    State.SCHEDULED: "PENDING",
    State.RUNNING: "PROCESSING",
    State.SUCCEEDED: "COMPLETED",
    State.FAILED: "FAILED",
    State.CANCELLED: "FAILED",
}
Word = Annotated[str, Meta(extra_json_schema={"enum": list(dict.fromkeys(WORDS.values()))})]


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Every key is always present, null where it is not yet known."""

    id: str
    type: str
    status: Word
    result: Raw | None
    error: str | None
    attempts: int
    created_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    updated_at: Moment


class Record(Envelope):
    """`GET /api/jobs/{id}`"""

    name = "record"
    read_path = "/api/jobs/{id}"
    interval_s = 3
    shapes = Shapes(read=Body, accepted=Body)

    def render(self, job: Job) -> bytes:
        job = as_paged(job)
        failure = failure_of(job)
        body = Body(
            id=job.id,
            type=job.type,
            status=WORDS[job.state],
            result=result_of(job),
            error=None if failure is None else failure.message,
            attempts=job.attempts,
            created_at=to_milliseconds(job.created_at),
            started_at=to_milliseconds(job.started_at),
            completed_at=to_milliseconds(job.ended_at),
            updated_at=to_milliseconds(job.updated_at or job.created_at),
        )
        return msgspec.json.encode(body)


envelope = Record()
