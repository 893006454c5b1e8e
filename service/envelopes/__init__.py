"""What an envelope is: the routes, words, key order and refusals of one API over the normalized job.

A deployment's own envelope is a module with an `Envelope` named `envelope`, listed in POLLABLE_ENVELOPES by its
dotted path. It needs a name, a path and `render`; all else has a default.
"""

import importlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

from service.envelopes.answer import Answer, Problem, problem, without_expiry
from service.errors import ServiceError, SettingsError
from service.model import Job

MAX_CONTEXT_BYTES = 4096


class Verb(StrEnum):
    """What a route beyond reading one job does."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    RERUN = "rerun"
    DELETE = "delete"
    LIST = "list"
    RESULT = "result"
    TYPES = "types"


class Route(msgspec.Struct, frozen=True):
    """One route beyond reading; a job's id is `{id}` in the path."""

    method: str
    path: str
    verb: Verb


class PerMinute(msgspec.Struct, frozen=True):
    """How often one caller may use an envelope in a minute where the settings say nothing."""

    polls: int
    reads: int
    writes: int


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the body of a submit asks for. `payload` and `context` are JSON, `run_at` milliseconds since the epoch."""

    type: str
    payload: bytes
    queue: str | None = None
    context: bytes = b"{}"
    delay_ms: int | None = None
    run_at: int | None = None


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


@runtime_checkable
class Envelope(Protocol):
    """One API. The id of the job to read is `{id}` in `read_path`, or the query parameter `id_parameter`."""

    name: str
    read_path: str
    id_parameter: str | None = None
    interval_s: int = 1
    routes: tuple[Route, ...] = ()
    quotas: PerMinute | None = None
    shapes: Shapes = Shapes(read=Any, accepted=Any)

    @abstractmethod
    def render(self, job: Job) -> bytes:
        """The body of a read. Raises `JobNotFound` for a job that this API cannot show."""
        ...

    def submitted(self, job: Job) -> bytes:
        """The body of the answer to a submit."""
        return self.render(job)

    def rerun(self, job: Job) -> bytes:
        """The body of the answer to a rerun; `job` is the new one."""
        return self.render(job)

    def page(self, jobs: Iterable[Job], cursor: str | None) -> bytes:
        """The body of a list, whose jobs have no results."""
        return msgspec.json.encode({"jobs": [msgspec.Raw(self.render(job)) for job in jobs], "cursor": cursor})

    def many(self, jobs: Iterable[Job | None]) -> bytes:
        """The body of a read of many jobs by id, null where there is none."""
        return msgspec.json.encode({"jobs": [job and msgspec.Raw(self.render(job)) for job in jobs]})

    def decode(self, body: bytes) -> Order:
        """What the body of a submit that names its type asks for.

        Raises `msgspec.ValidationError` or `InvalidPayload` where it does not fit `shapes.form`.
        """
        form = msgspec.json.decode(body, type=Form)
        return Order(type=form.type, payload=bytes(form.payload))

    def context(self, parameters: Mapping[str, object]) -> bytes:
        """The context of a job from the path parameters of its type's own route. Raises `InvalidParameter`."""
        return msgspec.json.encode(parameters)

    def refusal(self, error: ServiceError) -> Answer:
        """The answer to a request that is refused; the error's own headers are added to it."""
        return problem(without_expiry(error))

    def poll_interval_s(self, age_s: float) -> int:  # noqa: ARG002 - for those that back off
        """Seconds to wait before the next poll of a job that was accepted `age_s` ago."""
        return self.interval_s

    def spelled(self, job_id: str) -> str:
        """The id as this API prints it."""
        return job_id

    def location(self, job_id: str) -> str:
        """Where the job is read."""
        if self.id_parameter is not None:
            return f"{self.read_path}?{self.id_parameter}={self.spelled(job_id)}"
        return self.read_path.replace("{id}", self.spelled(job_id))


def load(names: Iterable[str]) -> dict[str, Envelope]:
    """The envelopes that are named: one of the six, or the dotted path of a module with one. Raises `SettingsError`."""
    loaded: dict[str, Envelope] = {}
    for name in names:
        envelope = _load(name)
        if envelope.name in loaded:
            raise SettingsError(f"POLLABLE_ENVELOPES names two envelopes {envelope.name!r}.")
        loaded[envelope.name] = envelope
    return loaded


def _load(name: str) -> Envelope:
    module = name if "." in name else f"{__name__}.{name}"
    try:
        envelope = getattr(importlib.import_module(module), "envelope", None)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(f"POLLABLE_ENVELOPES names {name!r}, which cannot be imported: {reason}") from error
    if not isinstance(envelope, Envelope):
        raise SettingsError(f"POLLABLE_ENVELOPES names {name!r}, which has no Envelope named `envelope`.")
    return envelope
