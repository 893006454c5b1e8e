"""Header fields and parameters, as the description has them."""

from pollable.envelopes.envelope import Envelope
from pollable.http.described.schemas import Document
from pollable.http.handlers import LABEL, MOST_LISTED, OWNER
from pollable.jobs.listing import CURSOR
from pollable.model import State

SECONDS = {"type": "integer", "minimum": 0}
HEADERS: dict[str, Document] = {
    "X-Request-ID": {
        "description": "The caller's own where it can be echoed, else a new one; the service's log has it.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
    },
    "ETag": {
        "description": "Changes whenever the body does, and is another for the same in gzip.",
        "required": True,
        "schema": {"type": "string", "pattern": '^(W/)?"[!#-~]*"$'},
    },
    "Content-Encoding": {
        "description": "There where the body is large, and the caller's Accept-Encoding takes gzip.",
        "schema": {"type": "string", "enum": ["gzip"]},
    },
    "Location": {
        "description": "Where the job is read.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Poll-After": {
        "description": "Seconds to wait before the next read; not there once the job has ended.",
        "schema": SECONDS,
    },
    "Retry-After": {"description": "Seconds to wait before asking again.", "required": True, "schema": SECONDS},
    "Preference-Applied": {
        "description": "There when the answer was held back: for how long it could be.",
        "schema": {"type": "string", "pattern": "^wait=[0-9]+$"},
    },
    "Idempotency-Replayed": {
        "description": "There when the same Idempotency-Key came before: this is the job that it got then.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Link": {"description": 'The next page, rel="next" (RFC 8288).', "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of the quota, and when there is more.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The quota that the request is counted against.", "schema": {"type": "string"}},
    "WWW-Authenticate": {
        "description": "What a token must be (RFC 6750).",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer"},
    },
}
"""By the names that they have in the description."""
_SENT_AS = {"Poll-After": "Retry-After"}

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key, of the same caller, is the same job for a day, however often it is sent.",
    # As `http.fields.idempotency_key` reads it.
    "schema": {"type": "string", "pattern": r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255})$'},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of what the caller has, in gzip or not; 304 says that it is still so.",
    "schema": {"type": "string"},
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N` holds the answer back for N seconds (at most 25): of a read until the job is in another "
    "state, of a submit until it has ended, which is then answered with 200 (RFC 7240).",
    "schema": {"type": "string"},
}
LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The `id` of the last event that the caller had, as an `EventSource` sends it.",
    "schema": {"type": "string"},
}
PARAMETERS = {str(each["name"]): each for each in (IDEMPOTENCY_KEY, IF_NONE_MATCH, PREFER, LAST_EVENT_ID)}
"""Header fields of requests, by the names that they have in the description."""

OF_LIST: tuple[Document, ...] = (
    {
        "name": "status",
        "description": "Only jobs in one of these states.",
        "schema": {"type": "array", "items": {"type": "string", "enum": list(State)}},
    },
    {
        "name": "type",
        "description": "Only jobs of these types.",
        "schema": {"type": "array", "items": {"type": "string"}},
    },
    {
        "name": "labels",
        "description": f"Only jobs with these labels: each is a parameter of its own, `{LABEL}NAME=value`.",
        "style": "form",
        "explode": True,
        "schema": {
            "type": "object",
            "propertyNames": {"pattern": rf"^{LABEL.replace('.', '[.]')}"},
            "additionalProperties": {"type": "string"},
        },
    },
    {
        "name": "limit",
        "description": "The most jobs of a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED},
    },
    {
        "name": "cursor",
        "description": "What the page before gave.",
        "schema": {"type": "string", "pattern": f"^{CURSOR.pattern}$"},
    },
    {
        "name": "id",
        "description": "These very jobs, in this order; nothing else goes with it.",
        "schema": {"type": "array", "items": {"type": "string"}, "maxItems": MOST_LISTED},
    },
    {
        "name": "owner",
        "description": "Whose jobs, for operators (`jobs:admin`): `*` for everyone's, or an owner as it names one.",
        "schema": {"type": "string", "pattern": f"^({OWNER.pattern})$"},
    },
)


def sent(*names: str) -> Document:
    """The header fields of an answer."""
    return {_SENT_AS.get(name, name): {"$ref": f"#/components/headers/{name}"} for name in names}


def taken(*names: str) -> tuple[Document, ...]:
    """Header fields of a request."""
    return tuple({"$ref": f"#/components/parameters/{name}"} for name in names)


def in_query(*parameters: Document) -> tuple[Document, ...]:
    """Parameters that may be left out."""
    return tuple({"in": "query", **each} for each in parameters)


def job_named(envelope: Envelope) -> tuple[Document, ...]:
    """The job that is read where an envelope has its id in the query."""
    name = envelope.id_parameter
    return () if name is None else ({"name": name, "in": "query", "required": True, "schema": {"type": "string"}},)
