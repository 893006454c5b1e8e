"""Every verb but the poll: decode, one call, encode."""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.types import Receive, Scope

from pollable.auth.authenticator import Principal, require
from pollable.catalog import JobType
from pollable.envelopes.answer import Answer
from pollable.envelopes.envelope import MAX_CONTEXT_BYTES, Envelope
from pollable.errors import InvalidParameter, ServiceError, WrongState
from pollable.http import body, fields
from pollable.http.forwarded import PREFIX
from pollable.http.leaving import while_there
from pollable.http.replies import with_wait
from pollable.http.services import Services
from pollable.ids import parse_id
from pollable.jobs import fitting
from pollable.jobs.changing import Accepted, Submission
from pollable.model import Job, State

LIST_PARAMETERS = ("status", "type", "limit", "cursor", "id", "owner")
ONCE = ("limit", "cursor", "owner")
OWNER = re.compile(r"\*|anonymous|[0-9a-f]{32}")
"""Everyone, or an owner as `owner_of` names one."""
LABEL = "label."
MOST_LISTED = 100
LISTED = 50


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a caller who is known and allowed, to be answered in the words of an envelope."""

    scope: Scope
    receive: Receive
    headers: fields.Headers
    principal: Principal
    envelope: Envelope
    services: Services

    @property
    def job_id(self) -> str:
        return str(self.scope["path_params"]["id"])

    @property
    def query(self) -> Mapping[str, list[str]]:
        return fields.query(self.scope)

    @property
    def prefix(self) -> str:
        return str(self.scope[PREFIX])


Handler = Callable[[Call], Awaitable[Answer]]


async def submit(call: Call) -> Answer:
    """A job of the type that the body names."""
    decode = partial(call.envelope.decode, types=call.services.catalog, owner=call.principal.owner)
    return await _queued(call, fitting.ordered(await _body(call), decode, queues=call.services.settings.queues))


def submit_of(job_type: JobType) -> Handler:
    """A job of a type with a route of its own: the whole body is the payload."""
    # A mount around us may have parameters, too; they are no business of the job.
    names = fitting.parameters_of(job_type.submit)

    async def submit(call: Call) -> Answer:
        payload = await _body(call)
        fitting.decoded(payload, job_type.decode, at="$")
        context = call.envelope.context({name: call.scope["path_params"][name] for name in names})
        if len(context) > MAX_CONTEXT_BYTES:
            raise InvalidParameter("The path is too long.")
        owner = call.principal.owner
        return await _queued(call, Submission(type=job_type, payload=payload, owner=owner, context=context))

    return submit


async def cancel(call: Call) -> Answer:
    """200 with the cancelled job; 202 while a running one is being stopped."""
    asker = call.principal
    job = await call.services.writer.cancel(call.job_id, owner=asker.visible_owner, asker=asker.owner)
    return Answer(200 if job.state.is_final else 202, call.envelope.render(job))


async def rerun(call: Call) -> Answer:
    """202 with the new job."""
    key = fields.idempotency_key(call.headers)
    asker, writer = call.principal, call.services.writer
    accepted = await writer.rerun(
        call.job_id, owner=asker.visible_owner, check=fitting.check_payload, idempotency_key=key, asker=asker.owner
    )
    return _accepted(call, accepted, call.envelope.rerun(accepted.job))


async def delete(call: Call) -> Answer:
    """204 once the ended job is forgotten."""
    asker = call.principal
    await call.services.writer.delete(call.job_id, owner=asker.visible_owner, asker=asker.owner)
    # What is published of it may not have come yet.
    call.services.kept.forget(parse_id(call.job_id.strip()) or call.job_id)
    return Answer(204, b"")


async def list_jobs(call: Call) -> Answer:
    """The jobs of the ids that the query names, else the caller's or those of the owner that it names, newest first."""
    query = call.query
    if "id" in query:
        # What is not known is passed over, as by every poll; what would narrow a list is not.
        _require_alone(query)
        reading = call.services.reader.read_many(_ids(query), owner=call.principal.visible_owner)
        jobs = await while_there(call.receive, reading)
        return Answer(200, call.envelope.many(jobs))
    _require_known(query)
    owner = _owner(query, call)
    listing = call.services.lister.page(
        owner=owner,
        states=frozenset(fitting.state(word) for word in query.get("status", ())),
        types=frozenset(query.get("type", ())),
        labels={name.removeprefix(LABEL): each[0] for name, each in query.items() if name.startswith(LABEL)},
        limit=_limit(query),
        cursor=query.get("cursor", [None])[0],
    )
    page = await while_there(call.receive, listing)
    render = call.envelope.page_of_all if owner is None else call.envelope.page
    return Answer(200, render(page.jobs, page.cursor), headers=_next_page(call, page.cursor))


def jobs_listed(scope: Scope, most: int) -> int:
    """How many reads a list is: one for each job that its query names, else for each that its page may have.

    A page whose length nobody named is `most` reads at most. Raises `InvalidParameter`.
    """
    query = fields.query(scope)
    if "id" in query:
        return len(_ids(query))
    return _limit(query) if "limit" in query else min(LISTED, most)


async def result(call: Call) -> Answer:
    """The result alone, as it was stored."""
    job = await call.services.reader.read(call.job_id, owner=call.principal.visible_owner)
    if job.state is not State.SUCCEEDED or job.result is None:
        raise _no_result(call.envelope, job)
    return Answer(200, job.result)


async def job_types(call: Call) -> Answer:
    """The registered types with their schemas."""
    default_queue, prefix = call.services.settings.default_queue, call.prefix
    described = [_described(job_type, queue=default_queue, prefix=prefix) for job_type in call.services.catalog]
    return Answer(200, msgspec.json.encode({"jobTypes": described}))


async def _body(call: Call) -> bytes:
    fields.require_json(call.headers)
    return await body.read(call.receive, call.headers, max_bytes=call.services.settings.max_body_bytes)


async def _queued(call: Call, submission: Submission) -> Answer:
    key = fields.idempotency_key(call.headers)
    accepted = await call.services.writer.submit(msgspec.structs.replace(submission, idempotency_key=key))
    wait = fields.wait_s(call.scope)
    if wait == 0:
        return _accepted(call, accepted, call.envelope.submitted(accepted.job))
    job, wait = await while_there(call.receive, _held(call, accepted.job, wait=wait))
    answer = _accepted(call, accepted, call.envelope.submitted(accepted.job))
    if job.state.is_final:
        answer = msgspec.structs.replace(answer, status=200, body=call.envelope.render(job), retry_after_s=None)
    return with_wait(answer, wait) if wait else answer


async def _held(call: Call, job: Job, *, wait: int) -> tuple[Job, int]:
    """The job once it has ended, or after `wait`; how long that could be. What goes wrong now is for the next poll."""
    waiting, look = call.services.waiting, partial(call.services.reader.read, job.id, owner=job.owner)
    with suppress(ServiceError), waiting.place(job.id, owner=call.principal.owner) as woken:
        if woken is None:
            return job, 0
        # It may have ended before there was a place.
        woken.set()
        return await waiting.until(woken, look, is_enough=lambda seen: seen.state.is_final, wait_s=wait), wait
    return job, 0


def _accepted(call: Call, accepted: Accepted, content: bytes) -> Answer:
    location = call.envelope.location(accepted.job.id)
    if location.startswith("/"):
        location = call.prefix + location
    headers: tuple[tuple[bytes, bytes], ...] = ((b"location", location.encode()),)
    if accepted.is_replay:
        headers = (*headers, (b"idempotency-replayed", b"true"))
    return Answer(202, content, retry_after_s=call.envelope.retry_after_s(accepted.job), headers=headers)


def _next_page(call: Call, cursor: str | None) -> tuple[tuple[bytes, bytes], ...]:
    # RFC 8288.
    if cursor is None:
        return ()
    path = call.prefix + quote(call.scope["path"].removeprefix(call.scope.get("root_path", "")))
    query = urlencode({**call.query, "cursor": cursor}, doseq=True)
    return ((b"link", f'<{path}?{query}>; rel="next"'.encode()),)


def _no_result(envelope: Envelope, job: Job) -> WrongState:
    why = job.error.message if job.error else f"The job is {job.state.value}; only a succeeded job has a result."
    retry_after_s = None if job.state.is_final else envelope.poll_interval_s(0.0)
    return WrongState(why, retry_after_s=retry_after_s, extra={"state": job.state.value})


def _ids(query: Mapping[str, list[str]]) -> list[str]:
    if len(query["id"]) > MOST_LISTED:
        raise InvalidParameter(f"At most {MOST_LISTED} jobs can be read at once.")
    return query["id"]


def _require_alone(query: Mapping[str, list[str]]) -> None:
    for name in query:
        if name != "id" and (name in LIST_PARAMETERS or name.startswith(LABEL)):
            raise InvalidParameter(f"`id` says which jobs; `{name[:64]}` does not go with it.")


def _require_known(query: Mapping[str, list[str]]) -> None:
    for name in query:
        if name not in LIST_PARAMETERS and not name.startswith(LABEL):
            known = ", ".join(LIST_PARAMETERS)
            raise InvalidParameter(f"There is no parameter `{name[:64]}`; there are {known} and {LABEL}NAME.")
        if name in ONCE and len(query[name]) > 1:
            raise InvalidParameter(f"`{name}` is given more than once.")


def _owner(query: Mapping[str, list[str]], call: Call) -> str | None:
    """Whose jobs are asked for; None for everyone's."""
    own = call.principal.owner
    asked = query.get("owner", [own])[0]
    if asked != own and call.services.settings.is_open:
        raise InvalidParameter("`owner` is for operators, and where everyone is let in nobody is one.")
    if asked != own:
        require(call.principal, "jobs:admin")
    if OWNER.fullmatch(asked) is None:
        raise InvalidParameter("`owner` must be `*` for everyone, or an owner as that list names it.")
    return None if asked == "*" else asked


def _limit(query: Mapping[str, list[str]]) -> int:
    given = query.get("limit", [str(LISTED)])[0]
    if not (given.isascii() and given.isdigit() and len(given) < 9 and 1 <= int(given) <= MOST_LISTED):
        raise InvalidParameter(f"`limit` must be a number from 1 to {MOST_LISTED}.")
    return int(given)


def _described(job_type: JobType, *, queue: str, prefix: str) -> dict[str, object]:
    return {
        "name": job_type.name,
        "description": job_type.description,
        "envelope": job_type.envelope,
        "submit": None if job_type.submit is None else prefix + job_type.submit,
        "queue": job_type.queue or queue,
        "payloadSchema": _schema(job_type.payload_type),
        "resultSchema": _schema(job_type.result_type),
    }


def _schema(of: Any) -> dict[str, Any]:
    # A result may be of a class that only the worker can encode.
    return msgspec.json.schema(of, schema_hook=lambda _: {})
