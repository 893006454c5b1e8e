"""Every verb but the poll: decode, one call, encode."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import Receive, Scope

from service.auth import Principal
from service.catalog import JobType
from service.envelopes import MAX_CONTEXT_BYTES, Envelope, Order
from service.envelopes.answer import Answer
from service.errors import InvalidParameter, InvalidPayload, WrongState
from service.http import body, fields
from service.http.callers import visible_to
from service.http.services import Services
from service.jobs import Submission
from service.model import Job, State

MOST_LISTED = 100
LISTED = 50


class Call(msgspec.Struct, frozen=True):
    """One request of a caller who is known and allowed."""

    scope: Scope
    receive: Receive
    headers: fields.Headers
    principal: Principal

    @property
    def job_id(self) -> str:
        return str(self.scope["path_params"]["id"])

    @property
    def query(self) -> Mapping[str, list[str]]:
        return parse_qs(self.scope["query_string"].decode("latin-1"))


Handler = Callable[[Call], Awaitable[Answer]]


class Handlers:
    """The verbs in the words of one envelope."""

    def __init__(self, envelope: Envelope, services: Services) -> None:
        self._envelope = envelope
        self._services = services

    async def submit(self, call: Call) -> Answer:
        """A job of the type that the body names."""
        given = await self._read(call)
        with body.fitting("$"):
            order = self._envelope.decode(given)
        job_type = self._services.catalog.get(order.type)
        with body.fitting("$.payload"):
            job_type.decode(order.payload)
        return await self._queue(call, job_type, order)

    def submit_of(self, job_type: JobType) -> Handler:
        """A job of a type with a route of its own: the whole body is the payload."""

        async def submit(call: Call) -> Answer:
            payload = await self._read(call)
            with body.fitting("$"):
                job_type.decode(payload)
            context = self._envelope.context(call.scope["path_params"])
            if len(context) > MAX_CONTEXT_BYTES:
                raise InvalidParameter("The path is too long.")
            return await self._queue(call, job_type, Order(type=job_type.name, payload=payload, context=context))

        return submit

    async def cancel(self, call: Call) -> Answer:
        """200 with the cancelled job; 202 while a running one is being stopped."""
        job = await self._services.jobs.cancel(call.job_id, owner=visible_to(call.principal))
        return Answer(200 if job.state.is_final else 202, self._envelope.render(job))

    async def rerun(self, call: Call) -> Answer:
        """202 with the new job."""
        key = fields.idempotency_key(call.headers)
        job = await self._services.jobs.rerun(call.job_id, owner=visible_to(call.principal), idempotency_key=key)
        return self._accepted(job, self._envelope.rerun(job))

    async def delete(self, call: Call) -> Answer:
        """204 once the ended job is forgotten."""
        await self._services.jobs.delete(call.job_id, owner=visible_to(call.principal))
        return Answer(204, b"")

    async def list_jobs(self, call: Call) -> Answer:
        """The jobs of the ids that the query names, else the caller's, newest first."""
        query = call.query
        if "id" in query:
            jobs = await self._services.store.read_many(_ids(query), owner=visible_to(call.principal))
            return Answer(200, self._envelope.many(jobs))
        page = await self._services.jobs.list(
            owner=call.principal.owner,
            states=frozenset(_state(word) for word in query.get("status", ())),
            types=frozenset(query.get("type", ())),
            limit=_limit(query),
            cursor=query.get("cursor", [None])[0],
        )
        return Answer(200, self._envelope.page(page.jobs, page.cursor))

    async def result(self, call: Call) -> Answer:
        """The result alone, as it was stored."""
        job = await self._services.store.read(call.job_id, owner=visible_to(call.principal))
        if job.state is not State.SUCCEEDED or job.result is None:
            raise self._no_result(job)
        return Answer(200, job.result)

    async def job_types(self, call: Call) -> Answer:  # noqa: ARG002 - the same for every caller
        """The registered types with their schemas."""
        described = [_described(job_type) for job_type in self._services.catalog]
        return Answer(200, msgspec.json.encode({"jobTypes": described}))

    async def _read(self, call: Call) -> bytes:
        fields.require_json(call.headers)
        given = await body.read(call.receive, call.headers, max_bytes=self._services.settings.max_body_bytes)
        body.require_valid(given)
        return given

    async def _queue(self, call: Call, job_type: JobType, order: Order) -> Answer:
        queues = self._services.settings.queues
        if order.queue is not None and order.queue not in queues:
            raise InvalidPayload(f"The queue must be one of {', '.join(queues)}.", extra={"path": "$.queue"})
        submission = Submission(
            type=job_type,
            payload=order.payload,
            owner=call.principal.owner,
            queue=order.queue,
            context=order.context,
            delay_ms=order.delay_ms,
            run_at=order.run_at,
            idempotency_key=fields.idempotency_key(call.headers),
        )
        job = await self._services.jobs.submit(submission)
        return self._accepted(job, self._envelope.submitted(job))

    def _accepted(self, job: Job, content: bytes) -> Answer:
        headers = (
            (b"location", self._envelope.location(job.id).encode()),
            (b"retry-after", b"%d" % self._envelope.poll_interval_s(0.0)),
        )
        return Answer(202, content, headers=headers)

    def _no_result(self, job: Job) -> WrongState:
        why = job.error.message if job.error else f"The job is {job.state.value}; only a succeeded job has a result."
        retry = {} if job.state.is_final else {"Retry-After": str(self._envelope.poll_interval_s(0.0))}
        return WrongState(why, headers=retry, extra={"state": job.state.value})


def _ids(query: Mapping[str, list[str]]) -> list[str]:
    if len(query["id"]) > MOST_LISTED:
        raise InvalidParameter(f"At most {MOST_LISTED} jobs can be read at once.")
    return query["id"]


def _state(word: str) -> State:
    try:
        return State(word)
    except ValueError:
        raise InvalidParameter(f"`status` must be one of {', '.join(State)}.") from None


def _limit(query: Mapping[str, list[str]]) -> int:
    given = query.get("limit", [str(LISTED)])[0]
    if not (given.isascii() and given.isdigit() and len(given) < 9 and 1 <= int(given) <= MOST_LISTED):
        raise InvalidParameter(f"`limit` must be a number from 1 to {MOST_LISTED}.")
    return int(given)


def _described(job_type: JobType) -> dict[str, object]:
    return {
        "name": job_type.name,
        "description": job_type.description,
        "envelope": job_type.envelope,
        "submit": job_type.submit,
        "queue": job_type.queue,
        "payloadSchema": _schema(job_type.payload_type),
        "resultSchema": _schema(job_type.result_type),
    }


def _schema(of: Any) -> dict[str, Any]:
    # A result may be of a class that only the worker can encode.
    return msgspec.json.schema(of, schema_hook=lambda _: {})
