"""OpenAPI 3.1 of a deployment: its paths, what they take, what they answer when all is well and when not."""

import re
from collections.abc import Iterator

import msgspec

from pollable.envelopes.envelope import Envelope
from pollable.errors import QuotaExceeded
from pollable.http.described.fields import HEADERS, PARAMETERS, sent
from pollable.http.described.operations import Operation, Operations, Reply
from pollable.http.described.refusals import Kind, Refusals, everywhere, known, of_strangers
from pollable.http.described.schemas import Document, Schemas
from pollable.http.events import MEDIA_TYPE as EVENTS
from pollable.http.services import Services

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_QUOTA = ("RateLimit", "RateLimit-Policy")
_ABOUT = (
    "Every answer has an X-Request-ID: the caller's own, where it sends one that can be echoed. A `traceparent` goes "
    "on into the job. Before a request is one the connection may refuse it, with a problem document: 400 "
    "malformed_request, 408 head_too_slow or body_too_slow, 431 head_too_large, 503 too_many_connections."
)


def document(services: Services) -> Document:
    """The whole description, but for the `servers`, which are as the caller reaches them."""
    schemas = Schemas()
    describe = Describing(services, schemas)
    paths: dict[str, Document] = {}
    operations = Operations(services, schemas)
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = describe.operation(operation)
    components: Document = {"schemas": schemas.reached(paths, *operations.results)}
    components |= {"headers": _used("headers", HEADERS, paths), "parameters": _used("parameters", PARAMETERS, paths)}
    if not services.settings.is_open:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    info = {"title": "Pollable", "version": "1", "summary": "Submit jobs, and poll them until they end."}
    return {
        "openapi": "3.1.0",
        "info": {**info, "description": _ABOUT},
        "servers": [],
        "paths": paths,
        "components": components,
    }


class Describing:
    """What OpenAPI says of an operation of this deployment."""

    def __init__(self, services: Services, schemas: Schemas) -> None:
        self._services = services
        self._refusals = {envelope: Refusals(envelope, schemas) for envelope in (None, *services.envelopes.values())}

    def operation(self, operation: Operation) -> Document:
        described: Document = {
            "operationId": operation.name,
            "summary": operation.summary,
            "tags": [operation.tag],
            "parameters": [*_in_path(operation), *operation.parameters],
        }
        if operation.body is not None:
            described["requestBody"] = {"required": True, "content": {"application/json": {"schema": operation.body}}}
        described["responses"] = self._responses(operation)
        if self._needs_token(operation):
            described["security"] = [{"bearer": [operation.scope]}]
        return described

    def _responses(self, operation: Operation) -> Document:
        is_counted = self._is_counted(operation.envelope, operation)
        headers = _QUOTA if is_counted else ()
        done = {str(reply.status): _reply(reply, headers) for reply in operation.replies}
        # Only what may be asked for again and again says when.
        may_poll_again = operation.method == "GET"
        kinds = known(self._kinds(operation, is_counted=is_counted), self._services.settings)
        return done | self._refusals[operation.envelope].answers(kinds, headers=headers, may_poll_again=may_poll_again)

    def _kinds(self, operation: Operation, *, is_counted: bool) -> Iterator[Kind]:
        yield from everywhere(self._services.settings, is_probe=operation.is_probe)
        if self._needs_token(operation):
            yield from of_strangers(self._services.settings)
        if is_counted:
            yield QuotaExceeded
        yield from operation.kinds

    def _needs_token(self, operation: Operation) -> bool:
        return bool(operation.scope) and not self._services.settings.is_open

    def _is_counted(self, envelope: Envelope | None, operation: Operation) -> bool:
        if envelope is None or operation.bucket is None:
            return False
        return self._services.quota(operation.bucket, envelope=envelope) is not None


def _used(part: str, known: dict[str, Document], paths: dict[str, Document]) -> dict[str, Document]:
    told = msgspec.json.encode(paths).decode()
    return {name: each for name, each in known.items() if f'"#/components/{part}/{name}"' in told}


def _reply(reply: Reply, headers: tuple[str, ...]) -> Document:
    may_be_large = reply.schema is not None and reply.media_type != EVENTS
    coded = ("Content-Encoding",) if may_be_large else ()
    described: Document = {
        "description": reply.description,
        "headers": sent("X-Request-ID", *coded, *reply.headers, *headers),
    }
    if reply.schema is not None:
        described["content"] = {each: {"schema": reply.schema} for each in reply.media_type.split(", ")}
    return described


def _in_path(operation: Operation) -> Iterator[Document]:
    for name in _PARAMETER.findall(operation.path):
        schema = operation.path_parameters.get(name, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}
