"""Header fields and queries of requests, parsed."""

import re
from urllib.parse import parse_qs

from starlette.types import Scope

from pollable.errors import UnsupportedMediaType
from pollable.ids import new_id
from pollable.jobs import fitting
from pollable.lines import Origin

_REQUEST_ID = re.compile(rb"[!-~]{1,128}")
# W3C Trace Context, section 3.2: version, trace-id, parent-id, flags; a later version may not add to them here.
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# RFC 9651, section 3.3.3: a String's characters; `"` and `\` only when escaped.
_SF_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-\[\]-~]+")
# The first counts, and where it is malformed there is none (RFC 7240, section 2).
_WAIT = re.compile(r'(?:^|,)\s*wait\b(?:\s*=\s*(?:(\d{1,99})|"(\d{1,99})")\s*(?:;[^,]*)?(?=,|$))?', re.IGNORECASE)
# Routers in between give up after 30 s.
_MOST_WAIT_S = 25

Headers = dict[bytes, bytes]


def origin(headers: Headers) -> Origin:
    """The caller's X-Request-ID where it is fit to be echoed and logged, else a fresh one; a valid `traceparent`."""
    given, trace = headers.get(b"x-request-id", b""), headers.get(b"traceparent", b"")
    return Origin(
        given.decode() if _REQUEST_ID.fullmatch(given) else new_id(),
        trace.decode() if _TRACEPARENT.fullmatch(trace) else "",
    )


def idempotency_key(headers: Headers) -> str | None:
    """draft-ietf-httpapi-idempotency-key-header: a structured field's String; a bare token is taken too.

    Raises `InvalidParameter`.
    """
    given = headers.get(b"idempotency-key")
    if given is None:
        return None
    text = given.decode("latin-1").strip()
    quoted = _SF_STRING.fullmatch(text)
    key = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else text
    return fitting.idempotency_key(key if quoted or _BARE.fullmatch(text) else "")


def wait_s(scope: Scope) -> int:
    """Seconds for which the caller lets its answer be held back (`Prefer: wait=N`), at most 25; 0 for not at all."""
    said = b",".join(value for name, value in scope["headers"] if name == b"prefer")
    found = _WAIT.search(said.decode("latin-1"))
    return min(int(found[1] or found[2] or 0), _MOST_WAIT_S) if found else 0


def query(scope: Scope) -> dict[str, list[str]]:
    """The parameters of the query; in place of what is no UTF-8 stands a character that is in no id."""
    given: bytes = scope["query_string"]
    return parse_qs(given.decode(errors="replace"), keep_blank_values=True)


def require_json(headers: Headers) -> None:
    """Raises `UnsupportedMediaType` unless the body is said to be application/json, as it is."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise UnsupportedMediaType("Send the body as application/json.")
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")
