"""The web application on an event loop of its own, and clients that reach it without a network."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import jwt

from pollable.app import create_app
from pollable.catalog import Catalog
from pollable.cli import embedded
from pollable.client import Client
from pollable.settings import Settings

T = TypeVar("T")

URL = "http://localhost"
LOOK_S = 0.005
TOKEN_S = 3600


class Service:
    """A web process as a thread."""

    def __init__(self, settings: Settings, types: Catalog, fake: embedded.Fake | None) -> None:
        self._settings = settings
        self._types = types
        self._fake = fake
        self._loop = asyncio.new_event_loop()
        self._lifespan = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.begin(self._start()).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.begin(self._lifespan.aclose()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Have the thread run it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def client(self, owner: str | None, *, meanwhile: Callable[[], object]) -> Client:
        """A client of that owner; `meanwhile` is done while it waits for an answer, and once more when it came."""
        return Client(URL, self._token(owner), transport=_Wire(self, meanwhile))

    async def answer(self, request: httpx2.Request) -> tuple[int, httpx2.Headers, bytes]:
        """What the application answers, as it would travel."""
        response = await self._transport.handle_async_request(request)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return response.status_code, response.headers, body

    async def _start(self) -> None:
        redis = None
        if self._fake is not None:
            redis = self._fake.connect_async()
            self._lifespan.push_async_callback(redis.aclose)
        application = create_app(self._settings, catalog=self._types, redis=redis)
        await self._lifespan.enter_async_context(application.lifespan())
        self._transport = httpx2.ASGITransport(app=application)

    def _token(self, owner: str | None) -> str:
        # "" and not None, which would be the environment's.
        if owner is None:
            return ""
        claims = {"sub": owner, "exp": int(time.time()) + TOKEN_S}
        return jwt.encode(claims, self._settings.jwt_secret or "", algorithm="HS256")


class _Wire(httpx2.BaseTransport):
    def __init__(self, service: Service, meanwhile: Callable[[], object]) -> None:
        self._service = service
        self._meanwhile = meanwhile

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._service.begin(self._service.answer(request))
        while not answer.done():
            self._meanwhile()
            try:
                answer.exception(timeout=LOOK_S)
            except TimeoutError:
                continue
        self._meanwhile()
        status, headers, body = answer.result()
        return httpx2.Response(status, headers=headers, stream=httpx2.ByteStream(body))
