"""The composition root: from settings to the web application."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.types import ASGIApp

from service import catalog as catalogs
from service import envelopes
from service.auth import Authenticator
from service.catalog import Catalog
from service.errors import SettingsError
from service.http.middleware import Edge
from service.http.routing import routes
from service.http.services import Services
from service.jobs import Jobs
from service.limits import Limiter
from service.reaper import Reaper
from service.redisconnection import connect_async
from service.settings import Settings
from service.store import Store


class Application(Starlette):
    """Starlette's routing with one layer of ours around it, in place of the two that Starlette brings."""

    def build_middleware_stack(self) -> ASGIApp:
        return Edge(self.router)


def create_app(settings: Settings, *, catalog: Catalog | None = None, redis: Redis | None = None) -> Starlette:
    """The web application: job types from `catalog`, else from the modules that the settings name.

    A `redis` that is given is the giver's to close. Raises `SettingsError` for what cannot work.
    """
    catalog = catalogs.load(settings.jobs) if catalog is None else catalog
    _check_queues(settings, catalog)
    services = _services(settings, catalog, connect_async(settings) if redis is None else redis)
    app = Application(routes=routes(services), lifespan=_lifespan(services, owns_redis=redis is None))
    # A path with a slash too many is refused like any unknown one.
    app.router.redirect_slashes = False
    return app


def _services(settings: Settings, catalog: Catalog, redis: Redis) -> Services:
    store = Store(redis, settings)
    return Services(
        settings=settings,
        catalog=catalog,
        envelopes=envelopes.load(settings.envelopes),
        redis=redis,
        store=store,
        jobs=Jobs(redis, settings=settings, catalog=catalog, store=store),
        limiter=Limiter(redis),
        authenticator=Authenticator.from_settings(settings, redis),
    )


def _lifespan(services: Services, *, owns_redis: bool) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        reaping = asyncio.create_task(Reaper(services.redis, services.settings).run())
        try:
            yield
        finally:
            while not reaping.done():
                # Python 3.11's asyncio.wait_for, through which redis-py sends, can swallow a cancellation.
                reaping.cancel()
                await asyncio.wait([reaping], timeout=0.5)
            if owns_redis:
                await services.redis.aclose()

    return lifespan


def _check_queues(settings: Settings, catalog: Catalog) -> None:
    for job_type in catalog:
        if job_type.queue not in settings.queues:
            raise SettingsError(
                f"Job type {job_type.name!r} goes to queue {job_type.queue!r}, which is not in POLLABLE_QUEUES "
                f"({', '.join(settings.queues)})."
            )
