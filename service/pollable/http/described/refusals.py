"""What each operation may refuse, and how it says so: its envelope's own words are asked for them."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from pollable.envelopes.answer import PROBLEM, Answer, BareProblem, Problem, problem
from pollable.envelopes.envelope import Envelope, Verb
from pollable.errors import (
    ForeignPage,
    IdempotencyKeyReused,
    InsufficientScope,
    InvalidJson,
    InvalidParameter,
    InvalidPayload,
    InvalidToken,
    JobExpired,
    JobNotFound,
    KeysUnavailable,
    NoWorker,
    OwnerFull,
    PayloadFreed,
    PayloadTooLarge,
    QueueFull,
    QuotaExceeded,
    ServiceError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    TooManyWaiting,
    Unauthenticated,
    UnknownHost,
    UnknownJobType,
    UnsupportedMediaType,
    WrongState,
)
from pollable.http.described.fields import sent
from pollable.http.described.schemas import OURS, Document, Owner, Schemas, pascal
from pollable.http.origins import Origins
from pollable.model import State
from pollable.settings import Settings

Kind = type[ServiceError]
Kinds = tuple[Kind, ...]

AWAY: Kinds = (StoreUnavailable, StoreReadOnly)
"""Redis, to whoever only reads."""
_ABSENT: Kinds = (JobNotFound, JobExpired)
_BODY: Kinds = (InvalidJson, InvalidPayload, PayloadTooLarge, UnsupportedMediaType)
_KEYED: Kinds = (InvalidParameter, IdempotencyKeyReused)
_NEW_JOB: Kinds = (OwnerFull, QueueFull, StoreFull)

OF_READING: Kinds = (*_ABSENT, *AWAY)
OF_OWN_SUBMIT: Kinds = (*_BODY, *_KEYED, *_NEW_JOB, *AWAY)
OF_VERB: dict[Verb, Kinds] = {
    Verb.SUBMIT: (UnknownJobType, *OF_OWN_SUBMIT),
    Verb.CANCEL: (*_ABSENT, WrongState, *AWAY),
    # Its type may have changed since.
    Verb.RERUN: (*_ABSENT, WrongState, PayloadFreed, UnknownJobType, InvalidPayload, *_KEYED, *_NEW_JOB, *AWAY),
    Verb.DELETE: (*_ABSENT, WrongState, *AWAY),
    Verb.LIST: (InvalidParameter, *AWAY),
    Verb.RESULT: (*_ABSENT, WrongState, *AWAY),
    Verb.EVENTS: (*_ABSENT, TooManyWaiting, *AWAY),
    Verb.FEED: (TooManyWaiting, *AWAY),
    Verb.TYPES: (),
}
OF_READINESS: Kinds = (NoWorker, StoreFull, *AWAY)
OF_METRICS: Kinds = (StoreFull, *AWAY)

_TEXTS = {"type": "array", "items": {"type": "string"}}
MEMBERS: dict[Kind, Document] = {
    InvalidPayload: {"path": {"type": "string", "description": "Where in the body, as a JSONPath."}},
    NoWorker: {"queues": _TEXTS},
    PayloadTooLarge: {"maxBytes": {"type": "integer"}},
    QuotaExceeded: {"violated-policies": _TEXTS},
    WrongState: {"state": {"enum": list(State), "description": "The one that the job is in."}},
}
"""What a problem document has beyond RFC 9457's members (`ServiceError.extra`)."""
UNCOUNTED: frozenset[Kind] = frozenset({Unauthenticated, InvalidToken, InsufficientScope, ForeignPage, UnknownHost})
PINNED = ("type", "title", "status", "code")
"""Members that are the same in each refusal of a kind."""
UNEXPECTED = "What should not happen (500), and what the connection itself refuses"


def everywhere(settings: Settings, *, is_probe: bool = False) -> Iterator[Kind]:
    """What is refused whatever the route is."""
    origins = Origins(settings, lambda _: None)
    if not (origins.takes_any or is_probe):
        yield UnknownHost
    if not origins.takes_pages:
        yield ForeignPage


def of_strangers(settings: Settings) -> Iterator[Kind]:
    """What is refused where a token is needed."""
    if settings.is_open:
        return
    yield from (Unauthenticated, InvalidToken, InsufficientScope)
    if "tokens" in (settings.auth or ()):
        yield StoreUnavailable
    if settings.jwks_url or settings.cognito_pool:
        yield KeysUnavailable


def known(kinds: Iterable[Kind], settings: Settings) -> Iterator[Kind]:
    """Those of them that this deployment knows."""
    has_bounds = settings.owner_max_jobs or settings.owner_max_bytes
    return (kind for kind in dict.fromkeys(kinds) if kind is not OwnerFull or has_bounds)


class Refusals:
    """As the answers of one envelope, or of routes that have none."""

    def __init__(self, envelope: Envelope | None, schemas: Schemas) -> None:
        self._envelope = envelope
        self._shape: Any = Problem if envelope is None else envelope.shapes.refusal
        is_ours = envelope is None or self._shape in (Problem, BareProblem)
        self._owner = OURS if envelope is None or is_ours else Owner.named("envelope", envelope.name)
        self._schemas = schemas
        self._by_kind: dict[Kind, Document] = {}

    def answers(self, kinds: Iterable[Kind], *, headers: tuple[str, ...], may_poll_again: bool) -> Document:
        """By status, with `headers` on each. What an envelope answers with success is no refusal."""
        said: dict[tuple[int, bytes], Kind] = {}
        for kind in dict.fromkeys(kinds):
            answer = self._words(kind)
            if answer.status >= 400:
                # Two may be told in the same words.
                said.setdefault((answer.status, answer.body), kind)
        ordered = sorted(said.items(), key=lambda each: each[0][0])
        told = {
            str(status): self._told([kind for _, kind in group], headers=headers, may_poll_again=may_poll_again)
            for status, group in groupby(ordered, key=lambda each: each[0][0])
        }
        return told | {"default": {"description": UNEXPECTED, "content": self._unexpected()}}

    def _words(self, kind: Kind) -> Answer:
        # With the title in it each differs from the others, but for one that an envelope words as another.
        error = kind(kind.title)
        return problem(error) if self._envelope is None else self._envelope.refusal(error)

    def _told(self, kinds: list[Kind], *, headers: tuple[str, ...], may_poll_again: bool) -> Document:
        content: dict[str, list[Document]] = {}
        for kind in kinds:
            schema = self._schema(kind)
            of_type = content.setdefault(self._words(kind).media_type.decode(), [])
            if schema not in of_type:
                of_type.append(schema)
        # Who is turned away at the door is counted nowhere.
        counted = () if UNCOUNTED.intersection(kinds) else headers
        return {
            "description": "; ".join(dict.fromkeys(kind.title for kind in kinds)),
            "headers": sent("X-Request-ID", *self._headers(kinds, may_poll_again=may_poll_again), *counted),
            "content": {media_type: {"schema": one_of(schemas)} for media_type, schemas in content.items()},
        }

    def _schema(self, kind: Kind) -> Document:
        if kind not in self._by_kind:
            self._by_kind[kind] = self._made(kind)
        return self._by_kind[kind]

    def _made(self, kind: Kind) -> Document:
        general = self._schemas.of(self._shape, owner=self._owner)
        answer = self._words(kind)
        sample = _object(answer.body)
        if sample is None:
            return {}
        shape, is_pinned = self._pinned(self._schemas.whole(general), sample)
        if not is_pinned:
            return general
        if answer.media_type == PROBLEM:
            shape["properties"] |= MEMBERS.get(kind, {})
        name = general["$ref"].rpartition("/")[2] + pascal(kind.code)
        return self._schemas.put(name, shape, owner=self._owner)

    def _pinned(self, schema: Document, sample: dict[str, Any]) -> tuple[Document, bool]:
        """The schema where nothing but the sentence for people may differ from the sample; whether anything may not."""
        properties, is_pinned = dict(schema.get("properties", {})), False
        for name in properties.keys() & sample.keys():
            if isinstance(sample[name], dict):
                properties[name], is_inner = self._pinned(self._schemas.whole(properties[name]), sample[name])
                is_pinned |= is_inner
            elif name in PINNED:
                properties[name], is_pinned = {"const": sample[name]}, True
        return schema | {"properties": properties}, is_pinned

    def _headers(self, kinds: list[Kind], *, may_poll_again: bool) -> Iterator[str]:
        if kinds[0].status == 401 or InsufficientScope in kinds:
            yield "WWW-Authenticate"
        # It names a member that should not be there, of whatever length that is.
        if InvalidPayload in kinds:
            yield "Content-Encoding"
        if QuotaExceeded in kinds or all(kind.retry_after_s is not None for kind in kinds):
            yield "Retry-After"
        elif may_poll_again and (WrongState in kinds or any(self._words(kind).retry_after_s for kind in kinds)):
            yield "Poll-After"

    def _unexpected(self) -> Document:
        media_type = self._words(ServiceError).media_type.decode()
        general = {media_type: {"schema": self._schemas.of(self._shape, owner=self._owner)}}
        of_connection = {PROBLEM.decode(): {"schema": self._schemas.of(Problem, owner=OURS)}}
        return general if self._owner == OURS else general | of_connection


def one_of(schemas: list[Document]) -> Document:
    """Any one of these."""
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _object(body: bytes) -> dict[str, Any] | None:
    """The members of a refusal; None where an envelope of somebody's own refuses in another form."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
