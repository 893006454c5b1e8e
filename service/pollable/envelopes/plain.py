"""`plain`: RQ's own word for where a job stands, and its result or error beside it.

A client of this API stops at `finished`, `failed` or null, so a cancelled job is a failed one.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pollable.envelopes.answer import Answer, BareProblem, problem
from pollable.envelopes.envelope import Envelope, Shapes
from pollable.envelopes.outcome import as_paged, failure_of, result_of
from pollable.errors import JobExpired, JobNotFound, ServiceError
from pollable.model import Job, State


class Body(msgspec.Struct, frozen=True):
    """A key that does not apply is absent."""

    status: str | None
    result: Raw | UnsetType | None = UNSET
    error: str | UnsetType = UNSET


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a submit."""

    job_id: str


class Plain(Envelope):
    """`GET /job_status?job_id=`"""

    name = "plain"
    read_path = "/job_status"
    id_parameter = "job_id"
    interval_s = 2
    shapes = Shapes(read=Body, accepted=Submitted, refusal=BareProblem)

    def render(self, job: Job) -> bytes:
        job = as_paged(job)
        if job.state is State.SUCCEEDED:
            return msgspec.json.encode(Body(job.rq_status, result=result_of(job)))
        failure = failure_of(job)
        if failure is not None:
            return msgspec.json.encode(Body("failed", error=failure.message))
        return msgspec.json.encode(Body(job.rq_status))

    def submitted(self, job: Job) -> bytes:
        return msgspec.json.encode(Submitted(job.id))

    def refusal(self, error: ServiceError) -> Answer:
        if isinstance(error, JobNotFound | JobExpired):
            return Answer(200, msgspec.json.encode(Body(None)))
        return problem(error, BareProblem)


envelope = Plain()
