"""From an exception to the refusal, in the words of the route's envelope."""

import logging

from starlette.exceptions import HTTPException
from starlette.types import Scope, Send

from service.envelopes import Envelope
from service.envelopes.answer import Answer, problem
from service.errors import RouteNotFound, ServiceError
from service.http.replies import send_answer

log = logging.getLogger("pollable.http")

ENVELOPE = "pollable.envelope"
"""Where a route leaves its envelope in the ASGI scope."""


async def refuse(scope: Scope, send: Send, error: Exception) -> None:
    """Answer a request that failed."""
    known = _known(error)
    envelope: Envelope | None = scope.get(ENVELOPE)
    answer = problem(known) if envelope is None else envelope.refusal(known)
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in known.headers.items()]
    if any(name == b"expect" for name, _ in scope["headers"]):
        # The caller now keeps its body, or sends it all the same: what comes next on this connection is unclear.
        headers.append((b"connection", b"close"))
    await send_answer(scope, send, Answer(answer.status, answer.body, answer.media_type, tuple(headers)))


def _known(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, HTTPException) and error.status_code == 404:
        return RouteNotFound("There is nothing here.")
    log.error("unexpected error", exc_info=error)
    return ServiceError("The request could not be served; the log says why, under this answer's X-Request-ID.")
