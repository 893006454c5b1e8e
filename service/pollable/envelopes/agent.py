"""`agent`: jobs of projects, for programs that act on somebody's behalf."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from pollable.envelopes.answer import NO_SUCH_JOB, Answer, without_expiry
from pollable.envelopes.envelope import Envelope, PerMinute, Shapes
from pollable.envelopes.outcome import as_paged, failure_of, result_of
from pollable.envelopes.times import Moment, to_milliseconds
from pollable.errors import InvalidParameter, JobNotFound, ServiceError
from pollable.model import Job, State

WORDS = {
    State.QUEUED: "pending",
    State.SCHEDULED: "pending",
    State.RUNNING: "processing",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}
Word = Annotated[str, Meta(extra_json_schema={"enum": list(dict.fromkeys(WORDS.values()))})]


class Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`completedAt` is set on success only."""

    job_id: str
    project_id: UUID
    status: Word
    created_at: Moment
    updated_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    analysis_id: UUID | None
    error: str | None
    error_code: str | None


class Body(msgspec.Struct, frozen=True):
    """What every read answers."""

    data: Data


class RefusalBody(msgspec.Struct, frozen=True):
    """Every refusal."""

    error: str


class Project(msgspec.Struct, frozen=True, rename="camel"):
    """What the context of a job must have to be shown here."""

    project_id: UUID


class Analysis(msgspec.Struct, frozen=True, rename="camel"):
    """What is shown of a result; the rest of it is skipped, not decoded."""

    analysis_id: UUID | None = None


class Agent(Envelope):
    """`GET /api/agent/jobs/{id}`"""

    name = "agent"
    read_path = "/api/agent/jobs/{id}"
    shapes = Shapes(read=Body, accepted=Body, refusal=RefusalBody)
    quotas = PerMinute(polls=120, reads=100, writes=20)
    path_parameters: Mapping[str, dict[str, Any]] = {"projectId": {"type": "string", "format": "uuid"}}

    def render(self, job: Job) -> bytes:
        job = as_paged(job)
        failure = failure_of(job)
        data = Data(
            job_id=job.id,
            project_id=_project_id(job),
            status=WORDS[job.state],
            created_at=to_milliseconds(job.created_at),
            updated_at=to_milliseconds(job.updated_at or job.created_at),
            started_at=to_milliseconds(job.started_at),
            completed_at=to_milliseconds(job.ended_at) if job.state is State.SUCCEEDED else None,
            analysis_id=_analysis_id(job),
            error=None if failure is None else failure.message,
            error_code=None if failure is None else failure.code,
        )
        return msgspec.json.encode(Body(data))

    def context(self, parameters: Mapping[str, object]) -> bytes:
        try:
            project = msgspec.convert(parameters, Project)
        except msgspec.ValidationError:
            raise InvalidParameter("The project's id must be a UUID.") from None
        return msgspec.json.encode({**parameters, "projectId": project.project_id})

    def refusal(self, error: ServiceError) -> Answer:
        shown = without_expiry(error)
        return Answer(shown.status, msgspec.json.encode(RefusalBody(shown.detail)))


def _project_id(job: Job) -> UUID:
    try:
        return msgspec.json.decode(job.context, type=Project).project_id
    except msgspec.ValidationError:
        raise JobNotFound(NO_SUCH_JOB) from None


def _analysis_id(job: Job) -> UUID | None:
    result = result_of(job)
    try:
        return None if result is None else msgspec.json.decode(result, type=Analysis).analysis_id
    except (msgspec.MsgspecError, RecursionError):
        # It may be nested as deeply as its writer's stack allowed.
        return None


envelope = Agent()
