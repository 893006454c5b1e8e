"""`native`: everything there is to know about a job, and everything that can be done with one."""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from service.envelopes import MAX_CONTEXT_BYTES, Envelope, Order, Route, Shapes, Verb
from service.envelopes.answer import Answer, problem
from service.envelopes.outcome import result_of
from service.envelopes.times import to_milliseconds
from service.errors import InvalidPayload, ServiceError
from service.model import Failure, Job, State

MAX_DELAY_S = 30 * 86_400

SUBMIT_PATH = "/jobs"
JOB_PATH = "/jobs/{id}"


class Progress(msgspec.Struct, frozen=True):
    """How far a job has come."""

    percent: int
    message: str | None


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done with the job as it stands; null where it cannot."""

    itself: str = msgspec.field(name="self")
    events: str | None
    result: str | None
    cancel: str | None
    rerun: str | None


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole job. Only in a list is there no `result`."""

    id: str
    type: str
    status: str
    progress: Progress
    attempts: int
    max_attempts: int
    queue: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    updated_at: str
    expires_at: str | None
    stalled: bool
    original_job_id: str | None
    context: Raw
    result: Raw | UnsetType | None
    error: Failure | None
    links: Links


class Page(msgspec.Struct, frozen=True):
    """A list, newest first; `cursor` leads to the next page."""

    jobs: list[Body]
    cursor: str | None


class NativeForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of `POST /jobs`. `delay` is in seconds."""

    type: str
    payload: Raw
    queue: str | None = None
    delay: Annotated[float, Meta(ge=0, le=MAX_DELAY_S)] | None = None
    run_at: Annotated[datetime, Meta(tz=True)] | None = None
    context: Raw = msgspec.field(default_factory=lambda: Raw(b"{}"))


class Native(Envelope):
    """`GET /jobs/{id}`"""

    name = "native"
    read_path = JOB_PATH
    shapes = Shapes(read=Body, accepted=Body, form=NativeForm)
    routes = (
        Route("POST", SUBMIT_PATH, Verb.SUBMIT),
        Route("GET", SUBMIT_PATH, Verb.LIST),
        Route("DELETE", JOB_PATH, Verb.DELETE),
        Route("GET", f"{JOB_PATH}/result", Verb.RESULT),
        Route("POST", f"{JOB_PATH}/cancel", Verb.CANCEL),
        Route("POST", f"{JOB_PATH}/rerun", Verb.RERUN),
        Route("GET", "/job-types", Verb.TYPES),
    )

    def render(self, job: Job) -> bytes:
        return msgspec.json.encode(_body(job, result_of(job)))

    def page(self, jobs: Iterable[Job], cursor: str | None) -> bytes:
        return msgspec.json.encode(Page([_body(job, UNSET) for job in jobs], cursor))

    def decode(self, body: bytes) -> Order:
        form = msgspec.json.decode(body, type=NativeForm)
        return Order(
            type=form.type,
            payload=bytes(form.payload),
            queue=form.queue,
            context=_context(bytes(form.context)),
            delay_ms=None if form.delay is None else int(form.delay * 1000),
            run_at=_run_at(form),
        )

    def refusal(self, error: ServiceError) -> Answer:
        return problem(error)


def _body(job: Job, result: Raw | UnsetType | None) -> Body:
    return Body(
        id=job.id,
        type=job.type,
        status=job.state.value,
        progress=Progress(job.progress, job.message),
        attempts=job.attempts,
        max_attempts=job.max_attempts,
        queue=job.queue,
        created_at=to_milliseconds(job.created_at),
        started_at=to_milliseconds(job.started_at),
        completed_at=to_milliseconds(job.ended_at),
        updated_at=to_milliseconds(job.updated_at or job.created_at),
        expires_at=to_milliseconds(job.expires_at),
        stalled=job.stalled,
        original_job_id=job.original_id,
        context=Raw(job.context),
        result=result,
        error=job.error,
        links=_links(job),
    )


def _links(job: Job) -> Links:
    itself = f"/jobs/{job.id}"
    # A job of other code has no owner here: it can be read, and no more.
    is_ours = bool(job.owner)
    return Links(
        itself=itself,
        events=None,
        result=f"{itself}/result" if job.state is State.SUCCEEDED and not job.error else None,
        cancel=f"{itself}/cancel" if is_ours and not job.state.is_final else None,
        rerun=f"{itself}/rerun" if is_ours and job.state.is_final else None,
    )


def _context(given: bytes) -> bytes:
    compact = msgspec.json.format(given, indent=-1)
    if not compact.startswith(b"{"):
        raise InvalidPayload("The context must be an object.", extra={"path": "$.context"})
    if len(compact) > MAX_CONTEXT_BYTES:
        raise InvalidPayload(f"The context may have {MAX_CONTEXT_BYTES} bytes.", extra={"path": "$.context"})
    return compact


def _run_at(form: NativeForm) -> int | None:
    if form.run_at is None:
        return None
    if form.delay is not None:
        raise InvalidPayload("Give `delay` or `runAt`, not both.", extra={"path": "$.runAt"})
    at_s = form.run_at.timestamp()
    if at_s > time.time() + MAX_DELAY_S:
        raise InvalidPayload(f"`runAt` may be {MAX_DELAY_S} seconds ahead.", extra={"path": "$.runAt"})
    return int(at_s * 1000)


envelope = Native()
