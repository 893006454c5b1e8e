"""The operations of a deployment: of its envelopes, its job types, its operators, and the files that it serves."""

from collections.abc import Iterator, Mapping

import msgspec

from pollable.catalog import JobType
from pollable.envelopes.envelope import Bucket, Envelope, Route, Verb
from pollable.errors import InvalidParameter
from pollable.http.described import refusals
from pollable.http.described.bodies import Bodies
from pollable.http.described.fields import OF_LIST, in_query, job_named, taken
from pollable.http.described.refusals import Kinds
from pollable.http.described.schemas import Document, Schemas
from pollable.http.events import MEDIA_TYPE as EVENTS
from pollable.http.pages import CLIENT, pages_of
from pollable.http.services import Services
from pollable.http.verbs import ACTIONS

PARTS = "/page/"
"""Below are the scripts and the style of our own page: they go with its release, and nobody else asks for them."""
_NEW_JOB = ("Location", "Poll-After", "Idempotency-Replayed")
_TEXT: Document = {"type": "string"}
_OF_JOB = (
    "Server-sent events: `job` with a job as it is read, first as it is and then after each change, and `end`, with "
    "which the answer ends. A line that begins with a colon says that the connection is alive."
)
_OF_OWNER = (
    "Server-sent events, without an end: `jobs` with the first page of the list, then `job` with each that changed as "
    "it is in the list, and `gone` with the `id` of one that is no longer there."
)


class Reply(msgspec.Struct, frozen=True):
    """An answer when all is well. A schema of None is no body; media types are joined by `, `."""

    status: int
    schema: Document | None
    headers: tuple[str, ...] = ()
    description: str = "Done"
    media_type: str = "application/json"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One route. `scope` is what a token must have, `bucket` what the request is counted in; both may be nothing."""

    method: str
    path: str
    name: str
    summary: str
    tag: str
    replies: tuple[Reply, ...]
    kinds: Kinds = ()
    envelope: Envelope | None = None
    scope: str = ""
    bucket: Bucket | None = None
    parameters: tuple[Document, ...] = ()
    path_parameters: Mapping[str, Document] = {}
    body: Document | None = None
    is_probe: bool = False


class Operations:
    """All of one deployment, in the order of the description."""

    def __init__(self, services: Services, schemas: Schemas) -> None:
        self._services = services
        self._envelopes = services.envelopes
        self._bodies = Bodies(services, schemas)

    @property
    def results(self) -> tuple[Document, ...]:
        """What jobs return: described whether or not an answer leads to it, as every one may have it in it."""
        return self._bodies.results

    def __iter__(self) -> Iterator[Operation]:
        for envelope in self._envelopes.values():
            yield self._read(envelope)
            for route in envelope.routes:
                body = self._bodies.submission(envelope) if route.verb is Verb.SUBMIT else None
                yield self._verb(envelope, route, body=body)
        for job_type in self._services.catalog:
            if job_type.submit is not None and job_type.envelope in self._envelopes:
                yield self._own_submit(self._envelopes[job_type.envelope], job_type, job_type.submit)
        yield from self._for_operators()
        yield from self._files()

    def _read(self, envelope: Envelope) -> Operation:
        kinds = refusals.OF_READING if envelope.id_parameter is None else (*refusals.OF_READING, InvalidParameter)
        return Operation(
            method="GET",
            path=envelope.read_path,
            name=f"{envelope.name}.read",
            summary="Read a job",
            tag=envelope.name,
            replies=_read(self._bodies.read(envelope), "Poll-After", "Preference-Applied"),
            kinds=kinds,
            envelope=envelope,
            scope="jobs:read",
            bucket=Bucket.POLLS,
            parameters=(*job_named(envelope), *taken("If-None-Match", "Prefer")),
        )

    def _verb(self, envelope: Envelope, route: Route, *, body: Document | None) -> Operation:
        verb, action = route.verb, ACTIONS[route.verb]
        return Operation(
            method=route.method,
            path=route.path,
            name=f"{envelope.name}.{verb}",
            summary=action.summary,
            tag=envelope.name,
            replies=self._replies(envelope, verb),
            kinds=refusals.OF_VERB[verb],
            envelope=envelope,
            scope=action.scope,
            bucket=action.bucket,
            parameters=_parameters(verb),
            body=body,
        )

    def _own_submit(self, envelope: Envelope, job_type: JobType, path: str) -> Operation:
        submit = self._verb(envelope, Route("POST", path, Verb.SUBMIT), body=self._bodies.payload(job_type))
        return msgspec.structs.replace(
            submit,
            name=f"{submit.name}.{job_type.name}",
            summary=job_type.description.partition("\n")[0] or f"Submit a {job_type.name} job",
            kinds=refusals.OF_OWN_SUBMIT,
            path_parameters=envelope.path_parameters,
        )

    def _replies(self, envelope: Envelope, verb: Verb) -> tuple[Reply, ...]:
        bodies = self._bodies
        match verb:
            case Verb.SUBMIT:
                held = ("Location", "Idempotency-Replayed", "Preference-Applied")
                return (
                    Reply(200, bodies.read(envelope), held, "The job was accepted, and ended while its caller waited"),
                    Reply(202, bodies.accepted(envelope), (*_NEW_JOB, "Preference-Applied"), "The job was accepted"),
                )
            case Verb.RERUN:
                return (Reply(202, bodies.accepted(envelope), _NEW_JOB, "The job was accepted"),)
            case Verb.CANCEL:
                job = bodies.read(envelope)
                return (
                    Reply(200, job, description="The job is cancelled"),
                    Reply(202, job, description="The job runs, and is being stopped"),
                )
            case Verb.DELETE:
                return (Reply(204, None, description="The job is forgotten"),)
            case Verb.LIST:
                return _read(bodies.listed(envelope), "Link")
            case Verb.RESULT:
                return _read(bodies.result())
            case Verb.EVENTS:
                end = "The caller has seen the end: its `Last-Event-ID` says so"
                return Reply(200, _TEXT, (), _OF_JOB, EVENTS), Reply(204, None, ("ETag",), end)
            case Verb.FEED:
                return (Reply(200, _TEXT, (), _OF_OWNER, EVENTS),)
            case Verb.TYPES:
                return _read(bodies.job_types)

    def _for_operators(self) -> Iterator[Operation]:
        alive, ready = self._bodies.alive, self._bodies.ready
        yield _probe("/healthz", "Whether this process answers", alive, kinds=())
        readiness = "Whether Redis answers and every queue has a worker"
        yield _probe("/readyz", readiness, ready, kinds=refusals.OF_READINESS)
        yield Operation(
            method="GET",
            path="/openapi.json",
            name="openapi.json",
            summary="This description",
            tag="operations",
            replies=_read({"type": "object"}),
            scope="" if self._services.settings.public_docs else "jobs:read",
            parameters=taken("If-None-Match"),
        )
        if (read_by := self._services.settings.metrics) != "off":
            yield Operation(
                method="GET",
                path="/metrics",
                name="metrics",
                summary="What Prometheus scrapes",
                tag="operations",
                replies=(Reply(200, _TEXT, media_type="text/plain, application/openmetrics-text"),),
                kinds=refusals.OF_METRICS,
                scope="jobs:admin" if read_by == "admin" else "",
            )
        # Where everyone is let in, nobody is an operator.
        if not self._services.settings.is_open:
            yield Operation(
                method="GET",
                path="/queues",
                name="queues",
                summary="How deep each queue is, and was within the last hour: for operators",
                tag="operations",
                replies=_read(self._bodies.queues),
                kinds=refusals.AWAY,
                scope="jobs:admin",
                parameters=taken("If-None-Match"),
            )

    def _files(self) -> Iterator[Operation]:
        for path, media_type in pages_of(self._services.settings).items():
            if not path.startswith(PARTS):
                kind = media_type.decode().partition(";")[0]
                yield Operation(
                    method="GET",
                    path=path,
                    name=path.strip("/") or "page",
                    summary="The client in JavaScript, or its types" if path in CLIENT else "A page for people",
                    tag="pages",
                    replies=_read(_TEXT, media_type=kind),
                    parameters=taken("If-None-Match"),
                )


def _probe(path: str, summary: str, schema: Document, *, kinds: Kinds) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=path.strip("/"),
        summary=summary,
        tag="operations",
        replies=(Reply(200, schema),),
        kinds=kinds,
        is_probe=True,
    )


def _read(schema: Document, *headers: str, media_type: str = "application/json") -> tuple[Reply, ...]:
    sent = ("ETag", *headers)
    return Reply(200, schema, sent, media_type=media_type), Reply(304, None, sent, "The caller has it already")


def _parameters(verb: Verb) -> tuple[Document, ...]:
    match verb:
        case Verb.SUBMIT:
            return taken("Idempotency-Key", "Prefer")
        case Verb.RERUN:
            return taken("Idempotency-Key")
        case Verb.LIST:
            return (*in_query(*OF_LIST), *taken("If-None-Match"))
        case Verb.RESULT | Verb.TYPES:
            return taken("If-None-Match")
        case Verb.EVENTS:
            return taken("Last-Event-ID")
    return ()
