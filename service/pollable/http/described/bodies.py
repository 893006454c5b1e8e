"""What goes in and what comes out when all is well: the schemas of requests, of jobs, of what else is read."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from pollable.catalog import JobType
from pollable.envelopes.envelope import Envelope
from pollable.http.described.refusals import one_of
from pollable.http.described.schemas import OURS, Document, Owner, Schemas
from pollable.http.queues import QueuesBody
from pollable.http.services import Services
from pollable.jobs.fitting import parameters_of


class JobTypeEntry(msgspec.Struct, rename="camel"):
    """A job type. `submit` is the path of its own route, `payloadSchema` and `resultSchema` are JSON Schemas."""

    name: str
    description: str
    envelope: str
    submit: str | None
    queue: str
    payload_schema: dict[str, Any]
    result_schema: dict[str, Any]


class JobTypeList(msgspec.Struct, rename="camel"):
    """All that this deployment has."""

    job_types: list[JobTypeEntry]


class Alive(msgspec.Struct):
    """This process answers."""

    status: Literal["ok"]


class Risk(msgspec.Struct):
    """What may go wrong later, and what an operator does about it."""

    risk: str
    remedy: str


class Ready(msgspec.Struct, rename="camel"):
    """Jobs are taken and run. The rest is told to those who may read jobs, and where there is something to tell."""

    status: Literal["ok"]
    types_without_worker: list[str] | UnsetType = UNSET
    risks: list[Risk] | UnsetType = UNSET


class Bodies:
    """The schemas of one deployment. Whose a type is decides its name, so that all are made in the same order."""

    def __init__(self, services: Services, schemas: Schemas) -> None:
        self._settings = services.settings
        self._schemas = schemas
        self._types = sorted(services.catalog, key=lambda job_type: job_type.name)
        # Of two names that are alike the later gives way: ours come first, whatever those of job types are.
        ours = (Alive, Ready, JobTypeList, QueuesBody)
        self.alive, self.ready, self.job_types, self.queues = (schemas.of(kind, owner=OURS) for kind in ours)
        for envelope in services.envelopes.values():
            self.read(envelope), self.accepted(envelope)
        self._payloads, self._results = dict[str, Document](), dict[str, Document]()
        for job_type in self._types:
            name, owner, of_result = job_type.name, _type(job_type), _type(job_type, part="Result")
            self._payloads[name] = schemas.of(job_type.payload_type, owner=owner, name=f"{owner.prefix}Payload")
            self._results[name] = schemas.of(job_type.result_type, owner=of_result, name=of_result.prefix)

    def read(self, envelope: Envelope) -> Document:
        """One job."""
        return self._schemas.of(envelope.shapes.read, owner=_api(envelope))

    def accepted(self, envelope: Envelope) -> Document:
        """A job that was just accepted."""
        return self._schemas.of(envelope.shapes.accepted, owner=_api(envelope))

    def listed(self, envelope: Envelope) -> Document:
        """A page of a list, or the jobs of the ids that were asked for (`Envelope.page`, `Envelope.many`)."""
        owner, read = _api(envelope), self.read(envelope)
        cursor = {"anyOf": [{"type": "string"}, {"type": "null"}]}
        page = _object("The newest first, without results; `cursor` leads to the next page.", jobs=read, cursor=cursor)
        or_none = {"anyOf": [read, {"type": "null"}]}
        many = _object("In the order of their ids, null where there is none.", jobs=or_none)
        several = {f"{owner.prefix}Page": page, f"{owner.prefix}Many": many | {"additionalProperties": False}}
        return {"anyOf": [self._schemas.put(name, schema, owner=owner) for name, schema in several.items()]}

    @property
    def results(self) -> tuple[Document, ...]:
        """What a job of each type returns."""
        return tuple(self._results.values())

    def result(self) -> Document:
        """What a job of any type returned."""
        # Other code's jobs return what they like.
        return {} if self._settings.foreign_jobs != "off" or not self.results else {"anyOf": [*self.results]}

    def payload(self, job_type: JobType) -> Document:
        """The whole body, where a type has a route of its own."""
        return self._payloads[job_type.name]

    def submission(self, envelope: Envelope) -> Document | None:
        """A body that names its type: of one type each. None where no type may come so."""
        forms = {each.name: self._form(envelope, each) for each in self._types if not parameters_of(each.submit)}
        if not forms:
            return None
        named = {"propertyName": "type", "mapping": {name: form["$ref"] for name, form in forms.items()}}
        schema = one_of([*forms.values()]) | ({"discriminator": named} if len(forms) > 1 else {})
        return self._schemas.put(f"{_api(envelope).prefix}Submit", schema, owner=_api(envelope))

    def _form(self, envelope: Envelope, job_type: JobType) -> Document:
        shapes, owner = envelope.shapes, _api(envelope)
        general = self._schemas.whole(self._schemas.of(shapes.form, owner=owner))
        properties = general["properties"] | {"type": {"const": job_type.name}, "payload": self.payload(job_type)}
        if "queue" in properties:
            properties["queue"] = {"anyOf": [{"enum": list(self._settings.queues)}, {"type": "null"}], "default": None}
        schema = {**general, "properties": properties, **shapes.form_rule}
        form = Owner.named(owner.prefix, job_type.name)
        return self._schemas.put(f"{owner.prefix}Submit{form.prefix}", schema, owner=form)


def _api(envelope: Envelope) -> Owner:
    return Owner.named("envelope", envelope.name)


def _type(job_type: JobType, *, part: str = "") -> Owner:
    return Owner.named("job type", job_type.name, part=part)


def _object(description: str, *, jobs: Document, **members: Document) -> Document:
    properties = {"jobs": {"type": "array", "items": jobs}, **members}
    return {"type": "object", "description": description, "properties": properties, "required": list(properties)}
