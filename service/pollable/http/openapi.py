"""`GET /openapi.json`: what `described` says of this deployment, as its caller reaches it."""

from functools import cached_property

import msgspec
from starlette.types import Receive, Scope, Send

from pollable.envelopes.answer import Answer
from pollable.http.forwarded import PREFIX
from pollable.http.replies import ready, send_read
from pollable.http.services import Services


class OpenAPI:
    """It is made once, for the first that asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await self._services.require_reader(scope)
        answer = Answer(200, msgspec.json.encode({**self._parts, "servers": [{"url": scope[PREFIX] or "/"}]}))
        await send_read(scope, send, ready(answer), if_none_match=dict(scope["headers"]).get(b"if-none-match"))

    @cached_property
    def _parts(self) -> dict[str, msgspec.Raw]:
        # Here, so that the start does not wait for what few ask for.
        from pollable.http.described.document import document

        # Only where the paths begin differs from one request to another.
        return {name: msgspec.Raw(msgspec.json.encode(part)) for name, part in document(self._services).items()}
