"""`managed`: every answer is `data` or `error`; jobs are submitted by type, cancelled and rerun."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from pollable import ids
from pollable.envelopes.answer import Answer, without_expiry
from pollable.envelopes.envelope import Envelope, Route, Shapes, Verb
from pollable.envelopes.outcome import as_paged, failure_of, result_of
from pollable.envelopes.times import Moment, to_seconds
from pollable.errors import ServiceError
from pollable.model import Failure, Job, State

WORDS = {
    State.QUEUED: "pending",
    State.SCHEDULED: "pending",
    State.RUNNING: "running",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
Word = Annotated[str, Meta(extra_json_schema={"enum": list(dict.fromkeys(WORDS.values()))})]


class Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`originalJobId` is there on a rerun only."""

    id: str
    type: str
    status: Word
    progress: int
    result: Raw | None
    created_at: Moment
    completed_at: Moment | None
    original_job_id: str | UnsetType = UNSET


class AcceptedData(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a submit and to a rerun."""

    id: str
    type: str
    status: Word
    original_job_id: str | UnsetType = UNSET
    created_at: Moment


class Body(msgspec.Struct, frozen=True):
    """What a read and a cancel answer."""

    data: Data
    error: None = None


class AcceptedBody(msgspec.Struct, frozen=True):
    """What a submit and a rerun answer."""

    data: AcceptedData
    error: None = None


class RefusalBody(msgspec.Struct, frozen=True):
    """What every refusal is."""

    data: None
    error: Failure


class FailedResult(msgspec.Struct, frozen=True):
    """What a failed job has in place of a result."""

    error: Failure


class Managed(Envelope):
    """`GET /v1/api/jobs/{id}`"""

    name = "managed"
    read_path = "/v1/api/jobs/{id}"
    interval_s = 5
    shapes = Shapes(read=Body, accepted=AcceptedBody, refusal=RefusalBody)
    routes = (
        Route("POST", "/v1/api/jobs", Verb.SUBMIT),
        Route("POST", "/v1/api/jobs/{id}/rerun", Verb.RERUN),
        Route("POST", "/v1/api/jobs/{id}/cancel", Verb.CANCEL),
    )

    def render(self, job: Job) -> bytes:
        job = as_paged(job)
        data = Data(
            id=self.id_of(job),
            type=job.type,
            status=WORDS[job.state],
            # The page knows numbers only.
            progress=job.progress or 0,
            result=_result(job),
            created_at=to_seconds(job.created_at),
            completed_at=to_seconds(job.ended_at),
            original_job_id=_original_id(job),
        )
        return msgspec.json.encode(Body(data))

    def submitted(self, job: Job) -> bytes:
        accepted = AcceptedData(
            id=ids.as_ulid(job.id),
            type=job.type,
            status=WORDS[job.state],
            original_job_id=_original_id(job),
            created_at=to_seconds(job.created_at),
        )
        return msgspec.json.encode(AcceptedBody(accepted))

    def rerun(self, job: Job) -> bytes:
        return self.submitted(job)

    def refusal(self, error: ServiceError) -> Answer:
        shown = without_expiry(error)
        return Answer(shown.status, msgspec.json.encode(RefusalBody(None, Failure(shown.code, shown.detail))))

    def spelled(self, job_id: str) -> str:
        return ids.as_ulid(job_id)


def _result(job: Job) -> Raw | None:
    failure = failure_of(job)
    if job.state is State.FAILED and failure is not None:
        return Raw(msgspec.json.encode(FailedResult(failure)))
    return result_of(job)


def _original_id(job: Job) -> str | UnsetType:
    return UNSET if job.original_id is None else ids.as_ulid(job.original_id)


envelope = Managed()
