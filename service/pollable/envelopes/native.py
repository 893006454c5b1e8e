"""`native`: everything there is to know about a job, and everything that can be done with one."""

import copy
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Self
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from pollable.catalog import Catalog
from pollable.envelopes.answer import Answer, problem
from pollable.envelopes.envelope import Envelope, Route, Shapes, Verb
from pollable.envelopes.outcome import result_of
from pollable.envelopes.times import Moment, to_milliseconds
from pollable.errors import InvalidPayload, ServiceError
from pollable.jobs.changing import Submission
from pollable.model import Failure, Job, State

MAX_DELAY_S = 30 * 86_400
MAX_LABELS = 16
MAX_LABEL_BYTES = 4096

SUBMIT_PATH = "/jobs"
JOB_PATH = "/jobs/{id}"
FEED_PATH = "/jobs/events"

Word = Annotated[str, Meta(extra_json_schema={"enum": list(State)})]
Labels = Annotated[Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})]


class Progress(msgspec.Struct, frozen=True):
    """How far a job has come; `percent` is null where nobody knows."""

    percent: int | None
    message: str | None


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done with the job as it stands; null where it cannot."""

    itself: str = msgspec.field(name="self")
    events: str | None
    result: str | None
    cancel: str | None
    rerun: str | None


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole job. There is no `result` in a list, nor among many where it did not fit."""

    id: str
    type: str
    status: Word
    progress: Progress
    attempts: int
    max_attempts: int
    queue: str
    created_at: Moment
    started_at: Moment | None
    completed_at: Moment | None
    updated_at: Moment
    expires_at: Moment | None
    run_at: Moment | None
    stalled: bool
    stalled_reason: str | None
    original_job_id: str | None
    context: Annotated[Raw, Meta(extra_json_schema={"type": "object"})]
    labels: Labels
    last_error: Failure | None
    result: Raw | UnsetType | None = UNSET
    error: Failure | None
    links: Links


class ListBody(msgspec.Struct, frozen=True):
    """A list, newest first; `cursor` leads to the next page. Of everyone's jobs `owners` says whose each is."""

    jobs: list[Body]
    cursor: str | None
    owners: list[str] | UnsetType = UNSET


class NativeForm(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of `POST /jobs`. `delay` is in seconds; `labels` are what the job is to be found by."""

    type: str
    payload: Raw
    queue: str | None = None
    delay: Annotated[float, Meta(ge=0, le=MAX_DELAY_S)] | None = None
    run_at: Annotated[datetime, Meta(tz=True)] | None = None
    labels: Annotated[dict[Annotated[str, Meta(min_length=1)], str], Meta(max_length=MAX_LABELS)] = {}


ONE_TIME = {
    "not": {
        "properties": {"delay": {"type": "number"}, "runAt": {"type": "string"}},
        "required": ["delay", "runAt"],
    }
}


class Native(Envelope):
    """`GET /jobs/{id}`"""

    name = "native"
    read_path = JOB_PATH
    most_wait_s = None
    foretells = True
    shapes = Shapes(read=Body, accepted=Body, form=NativeForm, form_rule=ONE_TIME)
    routes = (
        Route("POST", SUBMIT_PATH, Verb.SUBMIT),
        Route("GET", SUBMIT_PATH, Verb.LIST),
        Route("DELETE", JOB_PATH, Verb.DELETE),
        Route("GET", f"{JOB_PATH}/result", Verb.RESULT),
        Route("GET", f"{JOB_PATH}/events", Verb.EVENTS),
        Route("GET", FEED_PATH, Verb.FEED),
        Route("POST", f"{JOB_PATH}/cancel", Verb.CANCEL),
        Route("POST", f"{JOB_PATH}/rerun", Verb.RERUN),
        Route("GET", "/job-types", Verb.TYPES),
    )

    prefix = ""

    def under(self, prefix: str) -> Self:
        placed = copy.copy(self)
        placed.prefix = prefix
        return placed

    def render(self, job: Job) -> bytes:
        return msgspec.json.encode(_body(job, result_of(job), self.prefix))

    def page(self, jobs: Iterable[Job], cursor: str | None) -> bytes:
        return msgspec.json.encode(ListBody([_body(job, UNSET, self.prefix) for job in jobs], cursor))

    def page_of_all(self, jobs: Iterable[Job], cursor: str | None) -> bytes:
        rendered, owners = [_body(job, UNSET, self.prefix) for job in jobs], [job.owner for job in jobs]
        return msgspec.json.encode(ListBody(rendered, cursor, owners))

    def many(self, jobs: Iterable[Job | None]) -> bytes:
        return msgspec.json.encode({"jobs": [job and _body(job, _result_among(job), self.prefix) for job in jobs]})

    def decode(self, body: bytes, *, types: Catalog, owner: str) -> Submission:
        form = msgspec.json.decode(body, type=NativeForm)
        return Submission(
            type=types.get(form.type),
            payload=bytes(form.payload),
            owner=owner,
            queue=form.queue,
            labels=_labels(form.labels),
            delay_ms=None if form.delay is None else int(form.delay * 1000),
            run_at=_run_at(form),
        )

    def refusal(self, error: ServiceError) -> Answer:
        return problem(error)


def _body(job: Job, result: Raw | UnsetType | None, prefix: str) -> Body:
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
        run_at=to_milliseconds(job.run_at) if job.state is State.SCHEDULED else None,
        stalled=job.stalled,
        stalled_reason=job.stalled_reason,
        original_job_id=job.original_id,
        context=Raw(job.context),
        labels=Raw(job.labels),
        last_error=job.last_error,
        result=result,
        error=job.error,
        links=_links(job, prefix),
    )


def _result_among(job: Job) -> Raw | UnsetType | None:
    return UNSET if job.is_result_left_out else result_of(job)


def _links(job: Job, prefix: str) -> Links:
    spelled = quote(job.id, safe="")
    itself = f"{prefix}/jobs/{spelled}"
    # A job of other code has no owner here: it can be read, and no more.
    is_ours = bool(job.owner)
    # Routes match the decoded path, in which a slash of RQ 1's ids is one of the path's own.
    has_path = "/" not in job.id and itself != f"{prefix}{FEED_PATH}"
    return Links(
        itself=itself if has_path else f"{prefix}{SUBMIT_PATH}?id={spelled}",
        events=f"{itself}/events" if has_path and not job.state.is_final else None,
        result=f"{itself}/result" if has_path and job.state is State.SUCCEEDED and not job.error else None,
        cancel=f"{itself}/cancel" if is_ours and not job.state.is_final else None,
        rerun=f"{itself}/rerun" if is_ours and job.state.is_final else None,
    )


def _labels(given: Mapping[str, str]) -> bytes:
    encoded = msgspec.json.encode(given)
    if len(given) > MAX_LABELS or len(encoded) > MAX_LABEL_BYTES or "" in given:
        reason = f"There may be {MAX_LABELS} labels, each with a name, of {MAX_LABEL_BYTES} bytes together."
        raise InvalidPayload(reason, extra={"path": "$.labels"})
    return encoded


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
