"""What an envelope is: the routes, words, key order and refusals of one API over the normalized job.

A deployment's own envelope is a module with an `Envelope` named `envelope`, listed in POLLABLE_ENVELOPES by its
dotted path. It needs a name, a path and `render`; all else has a default.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Self
from urllib.parse import quote

import msgspec

from pollable.catalog import Catalog
from pollable.envelopes.answer import Answer, Problem, problem, without_expiry
from pollable.errors import ServiceError
from pollable.jobs.changing import Submission
from pollable.model import Job, State

MAX_CONTEXT_BYTES = 4096
LONGEST_S = 30


class Verb(StrEnum):
    """What a route beyond reading one job does."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    RERUN = "rerun"
    DELETE = "delete"
    LIST = "list"
    RESULT = "result"
    TYPES = "types"
    EVENTS = "events"
    FEED = "feed"


class Route(msgspec.Struct, frozen=True):
    """One route beyond reading; a job's id is `{id}` in the path."""

    method: str
    path: str
    verb: Verb


class Bucket(StrEnum):
    """Requests that are counted together."""

    POLLS = "polls"
    READS = "reads"
    WRITES = "writes"


class PerMinute(msgspec.Struct, frozen=True):
    """How often one caller may use an envelope in a minute where the settings say nothing, by `Bucket`."""

    polls: int
    reads: int
    writes: int


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The least body of a submit that names its type."""

    type: str
    payload: msgspec.Raw


class Shapes(msgspec.Struct, frozen=True, kw_only=True):
    """The types of an envelope's bodies, for the API's description. A submit and a rerun are answered alike."""

    read: Any
    accepted: Any
    refusal: Any = Problem
    form: Any = Form
    form_rule: Mapping[str, Any] = {}
    """What JSON Schema says of a form beyond its fields."""


class Envelope(ABC):
    """One API. The id of the job to read is `{id}` in `read_path`, or the query parameter `id_parameter`.

    Callers are told to wait `interval_s` between polls, for a delayed job until it is due, but `most_wait_s` at most.
    Where this API `foretells`, they wait until the job is expected to end, up to `LONGEST_S`, once another of its type
    has succeeded.
    """

    name: str
    read_path: str
    id_parameter: str | None = None
    interval_s: int = 1
    most_wait_s: int | None = 30
    foretells: bool = False
    routes: tuple[Route, ...] = ()
    quotas: PerMinute | None = None
    shapes: Shapes = Shapes(read=Any, accepted=Any)
    path_parameters: Mapping[str, dict[str, Any]] = {}
    """JSON Schemas of the parameters that the routes of job types may have here, by name; of any other, any text."""

    def under(self, prefix: str) -> Self:  # noqa: ARG002 - for those that name paths
        """This API where all its paths begin with `prefix`, which only bodies with paths in them need to know."""
        return self

    @abstractmethod
    def render(self, job: Job) -> bytes:
        """The body of a read. Raises `JobNotFound` for a job that this API cannot show."""

    def submitted(self, job: Job) -> bytes:
        """The body of the answer to a submit."""
        return self.render(job)

    def rerun(self, job: Job) -> bytes:
        """The body of the answer to a rerun; `job` is the new one."""
        return self.render(job)

    def page(self, jobs: Iterable[Job], cursor: str | None) -> bytes:
        """The body of a list, whose jobs have no results."""
        return msgspec.json.encode({"jobs": [msgspec.Raw(self.render(job)) for job in jobs], "cursor": cursor})

    def page_of_all(self, jobs: Iterable[Job], cursor: str | None) -> bytes:
        """The same of everyone's jobs, for operators."""
        return self.page(jobs, cursor)

    def many(self, jobs: Iterable[Job | None]) -> bytes:
        """The body of a read of many jobs by id, null where there is none."""
        return msgspec.json.encode({"jobs": [job and msgspec.Raw(self.render(job)) for job in jobs]})

    def decode(self, body: bytes, *, types: Catalog, owner: str) -> Submission:
        """What the body of a submit that names its type asks for; whether the payload fits the type is seen later.

        Raises `UnknownJobType`, and `msgspec.DecodeError` or `InvalidPayload` for what does not fit `shapes.form`.
        """
        form = msgspec.json.decode(body, type=Form)
        return Submission(type=types.get(form.type), payload=bytes(form.payload), owner=owner)

    def context(self, parameters: Mapping[str, object]) -> bytes:
        """The context of a job from the path parameters of its type's own route. Raises `InvalidParameter`."""
        return msgspec.json.encode(parameters)

    def refusal(self, error: ServiceError) -> Answer:
        """The answer to a request that is refused; headers of the error's own that it does not set are added to it."""
        return problem(without_expiry(error))

    def poll_interval_s(self, age_s: float) -> int:  # noqa: ARG002 - for those that back off
        """Seconds to wait before the next poll of a job that was accepted `age_s` ago."""
        return self.interval_s

    def retry_after_s(self, job: Job) -> int | None:
        """Seconds to wait before the next poll; None once the job has ended."""
        if job.state.is_final:
            return None
        if job.state is State.SCHEDULED and job.run_at is not None:
            due_s = math.ceil((job.run_at - job.read_at) / 1000)
            return max(1, due_s if self.most_wait_s is None else min(due_s, self.most_wait_s))
        if job.expected_ms:
            return min(math.ceil(job.expected_ms / 1000), LONGEST_S)
        return self.poll_interval_s((job.read_at - job.created_at) / 1000)

    def spelled(self, job_id: str) -> str:
        """The id as this API prints it."""
        return job_id

    def id_of(self, job: Job) -> str:
        """The job's id as this API prints it; of a job of other code, which has no owner here, as RQ has it."""
        return self.spelled(job.id) if job.owner else job.id

    def location(self, job_id: str) -> str:
        """Where the job is read, without the prefix that `under` tells of."""
        spelled = quote(self.spelled(job_id), safe="")
        if self.id_parameter is not None:
            return f"{self.read_path}?{self.id_parameter}={spelled}"
        return self.read_path.replace("{id}", spelled)
