"""`GET /metrics`: what the deployment has counted and what is so now, for Prometheus. On by `POLLABLE_METRICS`."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from redis.exceptions import RedisError
from starlette.types import ASGIApp, Receive, Scope, Send

from pollable.auth.authenticator import require
from pollable.envelopes.answer import Answer
from pollable.errors import ServiceError, SettingsError
from pollable.http.meters import Meters, Observer
from pollable.http.replies import send_answer
from pollable.http.services import Services
from pollable.ids import new_id
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import store_errors
from pollable.storage.scripts import source

log = logging.getLogger("pollable.http")

PATH = "/metrics"
OPEN = b"application/openmetrics-text"
LOOK_EVERY_S = 1.0
"""However often it is asked, Redis is looked at no more often."""
ADDED_EVERY_S = 5.0
"""What a process counted itself is in the figures of the others so much later at most."""

Lifespan = Callable[..., AbstractAsyncContextManager[None]]


class Metering:
    """Whether this process counts, and where it tells. Raises `SettingsError` where the extra is missing."""

    def __init__(self, services: Services) -> None:
        self.lifespan: Lifespan = services.lifetime.run
        self.observe: Observer | None = None
        self.served: tuple[tuple[str, str, ASGIApp, None], ...] = ()
        if services.settings.metrics != "off":
            tally = Tally(services)
            self.lifespan, self.observe = tally.during, tally.meters.observe
            self.served = (("GET", PATH, Metrics(services, tally), None),)


class Tally:
    """Adds what this process counts to what all have counted, in Redis: there it outlives the process."""

    def __init__(self, services: Services) -> None:
        self.meters = Meters()
        self._services = services
        self._script = services.redis.register_script(source("tally"))
        self._id = new_id()

    @asynccontextmanager
    async def during(self, scope: object = None) -> AsyncIterator[None]:
        """The application's lifespan, and the counting in it."""
        async with self._services.lifetime.run(scope):
            self.meters.watch(self._services.redis.connection_pool)
            over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            adding = asyncio.create_task(self._add_until(over))
            try:
                yield
            finally:
                # Not cancelled: what is on its way to Redis arrives.
                over.set_result(None)
                await adding
                with suppress(ServiceError, RedisError):
                    await self.add(waiters="")

    async def add(self, *, waiters: int | str) -> None:
        """Raises what `store_errors` raises; what was not added is, the next time. `waiters`: '' at the end.

        Where only the reply was lost it is then added twice: no counter goes back.
        """
        grown = self.meters.drain()
        pairs = [part for pair in grown.items() for part in pair]
        try:
            with store_errors():
                await self._script(args=[keys.PREFIX, keys.RQ_PREFIX, self._id, waiters, *pairs])
        except BaseException:
            self.meters.put_back(grown)
            raise

    async def add_now(self) -> None:
        """The same of a process that goes on."""
        await self.add(waiters=len(self._services.waiting))

    async def _add_until(self, over: "asyncio.Future[None]") -> None:
        while not over.done():
            try:
                await self.add_now()
            except ServiceError:
                # Others say so.
                pass
            except Exception as error:
                log.warning("what is counted waits: %r", error)
            await asyncio.wait([over], timeout=ADDED_EVERY_S)


class Metrics:
    """`GET /metrics`, in the format that the scraper asks for: Prometheus' text, or OpenMetrics."""

    def __init__(self, services: Services, tally: Tally) -> None:
        self._render = _renderer(services.settings)
        self._services = services
        self._tally = tally
        self._script = services.redis.register_script(source("figures"))
        self._looking = asyncio.Lock()
        self._looked_at = -LOOK_EVERY_S
        self._reply: Sequence[Any] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        headers = dict(scope["headers"])
        if self._services.settings.metrics == "admin":
            principal = await self._services.authenticator.authenticate(headers.get(b"authorization"))
            require(principal, "jobs:admin")
        async with self._looking:
            if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
                await self._look()
        is_open = OPEN in headers.get(b"accept", b"")
        body, media_type = await asyncio.to_thread(self._render, self._reply, is_open=is_open)
        await send_answer(scope, send, Answer(200, body, media_type=media_type.encode()))

    async def _look(self) -> None:
        began = time.perf_counter()
        await self._tally.add_now()
        with store_errors():
            self._reply = await self._script(args=[keys.PREFIX, keys.RQ_PREFIX, *self._services.settings.queues])
        self._looked_at = time.monotonic()
        self._tally.meters.scraped(time.perf_counter() - began)


def _renderer(settings: Settings) -> Any:
    """The reply of `figures.lua` to what is sent, and its media type. Raises `SettingsError`."""
    try:
        from pollable.http.figures import rendered
    except ImportError as error:
        needed = "needs the extra `metrics`: pip install 'pollable[metrics]'; or set it to off"
        raise SettingsError(f"POLLABLE_METRICS={settings.metrics} {needed}.") from error
    return rendered
