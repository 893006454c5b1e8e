"""OpenAPI 3.1 of a deployment: its paths, what they take, what they answer when all is well and when not."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.types import Receive, Scope, Send

from pollable.catalog import JobType
from pollable.envelopes.answer import Answer, BareProblem, Problem
from pollable.envelopes.envelope import Envelope, Shapes, Verb
from pollable.http.forwarded import PREFIX
from pollable.http.handlers import MOST_LISTED, OWNER
from pollable.http.pages import CLIENT, pages_of
from pollable.http.queues import QueuesBody
from pollable.http.replies import ready, send_read
from pollable.http.services import Services
from pollable.http.verbs import ACTIONS
from pollable.jobs import fitting
from pollable.jobs.listing import CURSOR
from pollable.model import State

Document = dict[str, Any]

LIST_PARAMETERS: dict[str, Document] = {
    "status": {"type": "array", "items": {"type": "string", "enum": list(State)}},
    "type": {"type": "array", "items": {"type": "string"}},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED},
    "cursor": {"type": "string", "pattern": f"^{CURSOR.pattern}$"},
    "id": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_LISTED},
    "owner": {"type": "string", "pattern": f"^({OWNER.pattern})$"},
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`wait=N` holds the answer back for N seconds (at most 25): of a read until the job is in another "
    "state, of a submit until it has ended, which is then answered with 200 (RFC 7240).",
    "schema": {"type": "string"},
}
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


class Operation(msgspec.Struct, frozen=True):
    """One route as the description has it. `forms`, of which the body is one, `answer` and `refusal` are types."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    statuses: tuple[int, ...] = (200,)
    answer: Any = Any
    refusal: Any = Problem
    forms: tuple[Any, ...] = ()
    path_parameters: Mapping[str, Document] = {}
    query: Mapping[str, Document] = {}
    needs_token: bool = True
    media_type: str = "application/json"
    held: Any = None
    """The answer where it was held back; None: it never is."""


class OpenAPI:
    """`GET /openapi.json`"""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await self._services.require_reader(scope)
        answer = Answer(200, msgspec.json.encode({**self._parts, "servers": [{"url": scope[PREFIX] or "/"}]}))
        await send_read(scope, send, ready(answer), if_none_match=dict(scope["headers"]).get(b"if-none-match"))

    @cached_property
    def _parts(self) -> dict[str, msgspec.Raw]:
        # Only where the paths begin differs from one request to another.
        return {name: msgspec.Raw(msgspec.json.encode(part)) for name, part in document(self._services).items()}


def document(services: Services) -> Document:
    """The whole description."""
    operations = list(_operations(services))
    schemas, components = _schemas(operations)
    paths: dict[str, Document] = {}
    guarded = not services.settings.is_open
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, schemas, guarded=guarded)
    bearer = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}} if guarded else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pollable", "version": "1", "summary": "Submit jobs, and poll them until they end."},
        "servers": [],
        "paths": paths,
        "components": {"schemas": components, **bearer},
    }


def _operations(services: Services) -> Iterator[Operation]:
    for envelope in services.envelopes.values():
        forms = _forms(envelope.shapes, services)
        yield _read(envelope)
        for route in envelope.routes:
            yield _verb(envelope, route.method, route.path, verb=route.verb, forms=forms)
    for job_type in services.catalog:
        if job_type.submit is not None and job_type.envelope in services.envelopes:
            yield _own_submit(services.envelopes[job_type.envelope], job_type, job_type.submit)
    for path, summary, needs_token in (
        ("/healthz", "Whether this process answers", False),
        ("/readyz", "Whether Redis answers and every queue has a worker", False),
        ("/openapi.json", "This description", not services.settings.public_docs),
    ):
        yield Operation("GET", path, path.strip("/"), summary, "operations", needs_token=needs_token)
    summary = "How deep each queue is and was within the last hour, for operators"
    yield Operation("GET", "/queues", "queues", summary, "operations", answer=QueuesBody)
    for path, media_type in pages_of(services.settings).items():
        kind, name = media_type.decode().partition(";")[0], path.strip("/") or "page"
        summary = "The client in JavaScript, or its types" if path in CLIENT else "A page, or a part of one"
        yield Operation("GET", path, name, summary, "pages", answer=str, media_type=kind, needs_token=False)


def _read(envelope: Envelope) -> Operation:
    shapes, name = envelope.shapes, envelope.name
    # An exclamation mark: the parameter is required.
    query: dict[str, Document] = {f"{envelope.id_parameter}!": {"type": "string"}} if envelope.id_parameter else {}
    answers = {"answer": shapes.read, "refusal": shapes.refusal}
    answers |= {"query": query, "held": shapes.read}
    return Operation("GET", envelope.read_path, f"{name}.read", "Read a job", name, **answers)


def _verb(envelope: Envelope, method: str, path: str, *, verb: Verb, forms: tuple[Any, ...]) -> Operation:
    shapes, action, name = envelope.shapes, ACTIONS[verb], envelope.name
    answers = {"answer": action.shape(shapes), "refusal": shapes.refusal, "statuses": action.statuses}
    answers["media_type"] = action.media_type
    if verb is Verb.SUBMIT:
        answers |= {"forms": forms, "held": shapes.read}
    query = LIST_PARAMETERS if verb is Verb.LIST else {}
    return Operation(method, path, f"{name}.{verb}", action.summary, name, **answers, query=query)


def _forms(shapes: Shapes, services: Services) -> tuple[Any, ...]:
    """The bodies of a submit that names its type: one for each that may come so."""
    queue: Any = Literal[services.settings.queues] | None
    own = [("queue", queue, None)] if "queue" in shapes.form.__struct_fields__ else []

    def form(job_type: JobType) -> Any:
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
            ("type", Literal[job_type.name]),
            ("payload", job_type.payload_type),
            *own,
        ]
        made = msgspec.defstruct(f"{shapes.form.__name__}_{job_type.name}", fields, bases=(shapes.form,), kw_only=True)
        return Annotated[made, Meta(extra_json_schema=dict(shapes.form_rule))] if shapes.form_rule else made

    return tuple(form(job_type) for job_type in services.catalog if not fitting.parameters_of(job_type.submit))


def _own_submit(envelope: Envelope, job_type: JobType, path: str) -> Operation:
    shapes, action, name = envelope.shapes, ACTIONS[Verb.SUBMIT], f"{envelope.name}.submit.{job_type.name}"
    answers = {"answer": shapes.accepted, "refusal": shapes.refusal, "statuses": action.statuses}
    summary = job_type.description.partition("\n")[0] or f"Submit a {job_type.name} job"
    answers["path_parameters"] = envelope.path_parameters
    answers |= {"forms": (job_type.payload_type,), "held": shapes.read}
    return Operation("POST", path, name, summary, envelope.name, **answers)


def _parts(operation: Operation) -> tuple[Any, ...]:
    return operation.answer, operation.held, operation.refusal, *operation.forms


def _schemas(operations: Iterable[Operation]) -> tuple[dict[int, Document], Document]:
    types = [part for each in operations for part in _parts(each) if part is not None]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=lambda _: {}, ref_template="#/components/schemas/{name}"
    )
    return {id(part): schema for part, schema in zip(types, schemas, strict=True)}, components


def _described(operation: Operation, schemas: Mapping[int, Document], *, guarded: bool) -> Document:
    error_type = "application/problem+json" if operation.refusal in (Problem, BareProblem) else "application/json"
    done = _response("Done", operation.media_type, operation.answer, schemas=schemas)
    ended = _response("The ended job", operation.media_type, operation.held, schemas=schemas)
    described: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": list(_parameters(operation)),
        "responses": {
            **({} if operation.held is None else {"200": ended}),
            **{str(status): done for status in operation.statuses},
            "default": _response("Refused", error_type, operation.refusal, schemas=schemas),
        },
    }
    if operation.forms:
        one_of = [schemas[id(form)] for form in operation.forms]
        content = {"application/json": {"schema": one_of[0] if len(one_of) == 1 else {"oneOf": one_of}}}
        described["requestBody"] = {"required": True, "content": content}
    if guarded and operation.needs_token:
        described["security"] = [{"bearer": []}]
    return described


def _parameters(operation: Operation) -> Iterator[Document]:
    for name in _PARAMETER.findall(operation.path):
        schema = operation.path_parameters.get(name, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in operation.query.items():
        yield {"name": name.removesuffix("!"), "in": "query", "required": name.endswith("!"), "schema": schema}
    if operation.held is not None:
        yield PREFER


def _response(description: str, media_type: str, answer: Any, *, schemas: Mapping[int, Document]) -> Document:
    if answer is None:
        return {"description": description}
    return {"description": description, "content": {media_type: {"schema": schemas[id(answer)]}}}
