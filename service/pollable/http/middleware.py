"""Around every request: who asks and of whom, its id, security headers, the one exception handler, the access log.

A refusal is logged at info, as long as there are few of them; all else at debug, as a job's line says what came of it.
"""

import logging
from time import monotonic, perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pollable.errors import ServiceError
from pollable.http import fields
from pollable.http.forwarded import Front
from pollable.http.meters import Observer
from pollable.http.origins import Origins
from pollable.http.problems import refuse
from pollable.lines import origin, traced

access_log = logging.getLogger("pollable.access")

POLICY = "pollable.policy"
"""In the ASGI scope: the Content-Security-Policy of an answer that may load something."""

CLOSED = b"default-src 'none'; frame-ancestors 'none'"
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
GONE = 499
"""What the log says of a caller who left before the answer; nobody is sent this."""
REFUSALS_A_SECOND = 20
"""More are logged at debug: a flood of them, or a Redis that is away, must not cost all others the writing of lines.

Each line has their number since the start, so that a gap says how many were left out.
"""


class Edge:
    """The outermost ASGI callable. `observe` is told of each request that has ended: its scope, status and seconds."""

    def __init__(self, app: ASGIApp, *, front: Front, origins: Origins, observe: Observer | None) -> None:
        self._app = app
        self._front, self._observe = front, observe
        self._origins = origins
        self._second = self._refusals = self._told_until = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status, refusal = 0, None
        headers = dict(scope["headers"])
        asked = fields.origin(headers)
        origin.set(asked)
        own_id = asked.request_id.encode()

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
            refusal = await refuse(scope, send_dressed, error)
        finally:
            level = self._level(status)
            if self._observe is not None:
                self._observe(scope, status, perf_counter() - began)
            if access_log.isEnabledFor(level):
                known = {"refusals": self._refusals} | (_why(refusal) if refusal else {})
                _log(scope, level=level, status=status, duration_s=perf_counter() - began, **known)

    def _level(self, status: int) -> int:
        if status < 400:
            return logging.DEBUG
        second = int(monotonic())
        if second != self._second:
            self._second, self._told_until = second, self._refusals + REFUSALS_A_SECOND
        self._refusals += 1
        return logging.INFO if self._refusals <= self._told_until else logging.DEBUG


def _log(scope: Scope, *, level: int, status: int, duration_s: float, **more: object) -> None:
    # The path as it came, still percent-encoded: a decoded line feed would forge a line.
    path = scope.get("raw_path", b"").decode("latin-1")
    client = scope.get("client")
    known = {
        **traced(origin.get()),
        "client": client[0] if client else None,
        "method": scope["method"],
        "path": path,
        "status": status,
        "duration_ms": round(duration_s * 1000, 2),
        **more,
    }
    access_log.log(level, "%s %s %d", scope["method"], path, status, extra=known)


def _why(refusal: ServiceError) -> dict[str, object]:
    # What does not fit is quoted to its sender, and to nobody else.
    may_quote = refusal.status in (400, 404, 421, 422)
    return {"code": refusal.code, "reason": refusal.title if may_quote else refusal.detail}
