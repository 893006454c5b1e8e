"""OpenAPI 3.1 of exactly what a deployment serves."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from service.catalog import JobType
from service.envelopes import Envelope, Verb
from service.envelopes.answer import Answer, Problem
from service.http.replies import send_read
from service.http.services import Services

Document = dict[str, Any]

SUMMARIES = {
    Verb.SUBMIT: "Submit a job of any type",
    Verb.CANCEL: "Cancel a job",
    Verb.RERUN: "Run an ended job again, as a new job",
    Verb.DELETE: "Forget an ended job",
    Verb.LIST: "List the caller's jobs, newest first, or read many by their ids",
    Verb.RESULT: "Read a job's result alone",
    Verb.TYPES: "The job types with their schemas",
}
LIST_PARAMETERS: dict[str, Document] = {
    "status": {"type": "array", "items": {"type": "string"}},
    "type": {"type": "array", "items": {"type": "string"}},
    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
    "cursor": {"type": "string"},
    "id": {"type": "array", "items": {"type": "string"}, "maxItems": 100},
}
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One route as the description has it. `form`, `answer` and `refusal` are types."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    status: int = 200
    answer: Any = Any
    refusal: Any = Problem
    form: Any = None
    query: Mapping[str, Document] = {}
    needs_token: bool = True


class OpenAPI:
    """`GET /openapi.json`"""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        answer = Answer(200, msgspec.json.encode(document(self._services)))
        await send_read(scope, send, answer, if_none_match=dict(scope["headers"]).get(b"if-none-match"))


def document(services: Services) -> Document:
    """The whole description."""
    operations = list(_operations(services))
    schemas, components = _schemas(operations)
    paths: dict[str, Document] = {}
    guarded = services.settings.auth not in (None, ("none",))
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, schemas, guarded=guarded)
    bearer = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}} if guarded else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Pollable", "version": "1", "summary": "Submit jobs, and poll them until they end."},
        "paths": paths,
        "components": {"schemas": components, **bearer},
    }


def _operations(services: Services) -> Iterator[Operation]:
    for envelope in services.envelopes.values():
        yield _read(envelope)
        for route in envelope.routes:
            yield _verb(envelope, route.method, route.path, verb=route.verb)
    for job_type in services.catalog:
        if job_type.submit is not None and job_type.envelope in services.envelopes:
            yield _own_submit(services.envelopes[job_type.envelope], job_type, job_type.submit)
    for path, summary in (
        ("/healthz", "Whether this process answers"),
        ("/readyz", "Whether Redis answers and every queue has a worker"),
        ("/openapi.json", "This description"),
    ):
        yield Operation(
            method="GET", path=path, name=path.strip("/"), summary=summary, tag="operations", needs_token=False
        )


def _read(envelope: Envelope) -> Operation:
    # An exclamation mark: the parameter is required.
    query: dict[str, Document] = {}
    if envelope.id_parameter is not None:
        query[f"{envelope.id_parameter}!"] = {"type": "string"}
    return Operation(
        method="GET",
        path=envelope.read_path,
        name=f"{envelope.name}.read",
        summary="Read a job",
        tag=envelope.name,
        answer=envelope.shapes.read,
        refusal=envelope.shapes.refusal,
        query=query,
    )


def _verb(envelope: Envelope, method: str, path: str, *, verb: Verb) -> Operation:
    shapes = envelope.shapes
    answers = {Verb.SUBMIT: (202, shapes.accepted), Verb.RERUN: (202, shapes.accepted), Verb.CANCEL: (200, shapes.read)}
    status, answer = answers.get(verb, (204, None) if verb is Verb.DELETE else (200, Any))
    return Operation(
        method=method,
        path=path,
        name=f"{envelope.name}.{verb}",
        summary=SUMMARIES[verb],
        tag=envelope.name,
        status=status,
        answer=answer,
        refusal=shapes.refusal,
        form=shapes.form if verb is Verb.SUBMIT else None,
        query=LIST_PARAMETERS if verb is Verb.LIST else {},
    )


def _own_submit(envelope: Envelope, job_type: JobType, path: str) -> Operation:
    return Operation(
        method="POST",
        path=path,
        name=f"{envelope.name}.submit.{job_type.name}",
        summary=job_type.description.partition("\n")[0] or f"Submit a {job_type.name} job",
        tag=envelope.name,
        status=202,
        answer=envelope.shapes.accepted,
        refusal=envelope.shapes.refusal,
        form=job_type.payload_type,
    )


def _schemas(operations: Iterable[Operation]) -> tuple[dict[int, Document], Document]:
    types = [part for each in operations for part in (each.answer, each.refusal, each.form) if part is not None]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=lambda _: {}, ref_template="#/components/schemas/{name}"
    )
    return {id(part): schema for part, schema in zip(types, schemas, strict=True)}, components


def _described(operation: Operation, schemas: Mapping[int, Document], *, guarded: bool) -> Document:
    error_type = "application/problem+json" if operation.refusal is Problem else "application/json"
    described: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": list(_parameters(operation)),
        "responses": {
            str(operation.status): _response("Done", "application/json", operation.answer, schemas=schemas),
            "default": _response("Refused", error_type, operation.refusal, schemas=schemas),
        },
    }
    if operation.form is not None:
        content = {"application/json": {"schema": schemas[id(operation.form)]}}
        described["requestBody"] = {"required": True, "content": content}
    if guarded and operation.needs_token:
        described["security"] = [{"bearer": []}]
    return described


def _parameters(operation: Operation) -> Iterator[Document]:
    for name in _PARAMETER.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name, schema in operation.query.items():
        yield {"name": name.removesuffix("!"), "in": "query", "required": name.endswith("!"), "schema": schema}


def _response(description: str, media_type: str, answer: Any, *, schemas: Mapping[int, Document]) -> Document:
    if answer is None:
        return {"description": description}
    return {"description": description, "content": {media_type: {"schema": schemas[id(answer)]}}}
