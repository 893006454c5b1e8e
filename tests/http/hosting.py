"""Applications that others mount: on a real Redis, asked over ASGI as their host's callers ask."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
from redis.asyncio import Redis
from starlette.types import ASGIApp

from pollable.app import Application, create_app
from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, catalog_of

HOST = "http://host.example"
ORDER = {"type": "anything", "payload": 1}

Asking = Callable[[httpx.AsyncClient], Awaitable[Any]]


def pollable_with(settings: Settings, *, redis: Redis | None = None, **changes: Any) -> Application:
    changes = {"hosts": ("host.example",), **changes}
    return create_app(msgspec.structs.replace(settings, **changes), catalog=catalog_of(*JOB_TYPES), redis=redis)


def asked(pollable: Application, host: ASGIApp, ask: Asking, *, peer: tuple[str, int] | None = ("192.0.2.7", 1)) -> Any:
    """What `ask` gets of the host while the lifespan of what is mounted in it runs."""

    async def asking() -> Any:
        transport = httpx.ASGITransport(host, client=peer)  # type: ignore[arg-type] # None: a Unix socket, in ASGI
        async with pollable.lifespan(), httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            return await ask(client)

    return asyncio.run(asking())
