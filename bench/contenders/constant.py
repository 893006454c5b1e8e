"""The most that a server itself can do: one answer, no Redis, no routing, no authentication."""

from collections.abc import Awaitable, Callable
from typing import Any

BODY = b'{"status":"queued"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"19")]


async def app(scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    """Answer every request alike."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
