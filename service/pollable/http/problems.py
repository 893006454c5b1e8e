"""From an exception to the refusal, in the words of the route's envelope."""

import logging

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Scope, Send

from pollable.envelopes.answer import Answer, problem
from pollable.envelopes.envelope import Envelope
from pollable.errors import RouteNotFound, ServiceError
from pollable.http.replies import send_answer

log = logging.getLogger("pollable.http")

ENVELOPE = "pollable.envelope"
"""Where a route leaves its envelope in the ASGI scope."""


async def refuse(scope: Scope, send: Send, error: Exception) -> ServiceError:
    """Answer a request that failed; as what it was refused."""
    known = _known(error)
    envelope: Envelope | None = scope.get(ENVELOPE)
    answer = problem(known) if envelope is None else envelope.refusal(known)
    retry_after_s = known.retry_after_s if answer.retry_after_s is None else answer.retry_after_s
    headers = _headers(known, answer)
    if any(name == b"expect" for name, _ in scope["headers"]):
        # The caller now keeps its body, or sends it all the same: what comes next on this connection is unclear.
        headers[b"connection"] = b"close"
    complete = msgspec.structs.replace(answer, retry_after_s=retry_after_s, headers=tuple(headers.items()))
    await send_answer(scope, send, complete)
    return known


def _headers(error: ServiceError, answer: Answer) -> dict[bytes, bytes]:
    """The error's own; where its envelope sets one too, the envelope's. ASGI wants names in small letters."""
    own = {name.lower().encode(): value.encode("latin-1") for name, value in error.headers.items()}
    return own | {name.lower(): value for name, value in answer.headers}


def _known(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, HTTPException) and error.status_code == 404:
        return RouteNotFound("There is nothing here.")
    log.error("unexpected error", exc_info=error)
    return ServiceError("The request could not be served; the log says why, under this answer's X-Request-ID.")
