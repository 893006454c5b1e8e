"""Around every request: who asks and of whom, its id, security headers, the one exception handler, the access log.

A read that succeeded is logged at debug, all else at info.
"""

import logging
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pollable.http.fields import request_id
from pollable.http.forwarded import Front
from pollable.http.origins import Origins
from pollable.http.problems import refuse

access_log = logging.getLogger("pollable.access")

POLICY = "pollable.policy"
"""In the ASGI scope: the Content-Security-Policy of an answer that may load something."""

CLOSED = b"default-src 'none'; frame-ancestors 'none'"
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
GONE = 499
"""What the log says of a caller who left before the answer; nobody is sent this."""


class Edge:
    """The outermost ASGI callable."""

    def __init__(self, app: ASGIApp, *, front: Front, origins: Origins) -> None:
        self._app = app
        self._front = front
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status = 0
        headers = dict(scope["headers"])
        own_id = request_id(headers)

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                policy = (b"content-security-policy", scope.get(POLICY, CLOSED))
                message["headers"] = [*message["headers"], policy, NO_SNIFFING, (b"x-request-id", own_id)]
            await send(message)

        try:
            self._front.settle(scope)
            self._origins.require(scope, headers)
            await self._app(scope, receive, send_dressed)
        except ClientDisconnect:
            status = GONE
        except Exception as error:
            if status:
                raise
            await refuse(scope, send_dressed, error)
        finally:
            # Pollers ask many times for each thing that happens.
            level = logging.DEBUG if scope["method"] == "GET" and status in (200, 304) else logging.INFO
            if access_log.isEnabledFor(level):
                _log(scope, own_id, level=level, status=status, duration_s=perf_counter() - began)


def _log(scope: Scope, own_id: bytes, *, level: int, status: int, duration_s: float) -> None:
    # The path as it came, still percent-encoded: a decoded line feed would forge a line.
    path = scope.get("raw_path", b"").decode("latin-1")
    client = scope.get("client")
    known = {
        "request_id": own_id.decode(),
        "client": client[0] if client else None,
        "method": scope["method"],
        "path": path,
        "status": status,
        "duration_ms": round(duration_s * 1000, 2),
    }
    access_log.log(level, "%s %s %d", scope["method"], path, status, extra=known)
