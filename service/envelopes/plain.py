"""`plain`: RQ's own word for where a job stands, and its result or error beside it."""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from service.envelopes import Envelope, Shapes
from service.envelopes.answer import Answer, problem
from service.envelopes.outcome import failure_of, result_of
from service.errors import JobExpired, JobNotFound, ServiceError
from service.model import Job, State


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
    shapes = Shapes(read=Body, accepted=Submitted)

    def render(self, job: Job) -> bytes:
        if job.state is State.SUCCEEDED:
            return msgspec.json.encode(Body(job.rq_status, result=result_of(job)))
        failure = failure_of(job)
        if job.state is State.FAILED and failure is not None:
            return msgspec.json.encode(Body(job.rq_status, error=failure.message))
        return msgspec.json.encode(Body(job.rq_status))

    def submitted(self, job: Job) -> bytes:
        return msgspec.json.encode(Submitted(job.id))

    def refusal(self, error: ServiceError) -> Answer:
        if isinstance(error, JobNotFound | JobExpired):
            return Answer(200, msgspec.json.encode(Body(None)))
        return problem(error)


envelope = Plain()
