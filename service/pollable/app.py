"""The composition root: from settings to the web application."""

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from pollable import catalog as catalogs
from pollable.auth.authenticator import Authenticator
from pollable.catalog import Catalog
from pollable.envelopes import registry
from pollable.http.feeds import Feeds
from pollable.http.forwarded import Front
from pollable.http.kept import Kept
from pollable.http.lifetime import Lifetime
from pollable.http.metrics import Metering
from pollable.http.middleware import Edge
from pollable.http.origins import CORS, Origins
from pollable.http.routing import Nowhere, Shortcut, routes
from pollable.http.services import Services
from pollable.jobs.changes import Changes
from pollable.jobs.listing import JobLister
from pollable.jobs.reading import JobReader
from pollable.jobs.tracing import writer_class
from pollable.jobs.waiting import Waiting
from pollable.pace import Pace
from pollable.settings import ENVELOPES, Settings
from pollable.settings.limits import waiters_of
from pollable.storage.connection import connect_async
from pollable.storage.quotas import Limiter


class Application(Starlette):
    """Starlette's routing with one layer of ours around it, in place of the two that Starlette brings.

    `lifespan` is for the application that this one is mounted in: Starlette runs its own alone. `answer_waiting` is for
    the server, once it is told to end: whoever waits is answered, and streams are closed.
    """

    def __init__(self, services: Services) -> None:
        metering = Metering(services)
        self.lifespan, self._observe = metering.lifespan, metering.observe
        self.answer_waiting = services.waiting.close
        nowhere = Nowhere(services)
        self._front = Front(services.settings)
        self._pages = services.settings.cors_origins
        self._origins = Origins(services.settings, nowhere.find_words)
        super().__init__(routes=routes(services, *metering.served), lifespan=self.lifespan)
        # A path with a slash too many is refused like any unknown one.
        self.router.redirect_slashes = False
        self.router.default = nowhere

    def build_middleware_stack(self) -> ASGIApp:
        edge = Edge(Shortcut(self.router), front=self._front, origins=self._origins, observe=self._observe)
        # Around everything: a page must be able to read refusals, too.
        return CORSMiddleware(edge, **CORS, allow_origins=self._pages) if self._pages else edge


def create_app(settings: Settings, *, catalog: Catalog | None = None, redis: Redis | None = None) -> Application:
    """The web application: job types from `catalog`, else from the modules that the settings name.

    It serves while its lifespan runs: one that is mounted needs `Starlette(lifespan=pollable.lifespan)` around it. A
    `redis` that is given is the giver's to close. Raises `SettingsError` for what cannot work; where `auth` is unset,
    the lifespan does.
    """
    if catalog is None:
        catalog = catalogs.deployed(settings, may_be_empty=settings.foreign_jobs != "off")
    catalogs.check_queues_of(catalog, settings)
    services = assemble(settings, catalog, redis)
    catalogs.check_envelopes_of(catalog, {*ENVELOPES, *services.envelopes})
    return Application(services)


def assemble(settings: Settings, catalog: Catalog, given: Redis | None) -> Services:
    """What the application is made of. Connects to nothing."""
    redis = connect_async(settings) if given is None else given
    reader, changes, most = JobReader(redis, settings), Changes(redis), waiters_of(settings)
    # Where nobody tells callers apart, they are one owner.
    waiting = Waiting(changes, most=most, most_of_owner=most if settings.is_open else max(1, most // 10))
    return Services(
        settings=settings,
        catalog=catalog,
        envelopes=registry.load_envelopes(settings.envelopes),
        redis=redis,
        reader=reader,
        kept=Kept(changes),
        writer=writer_class()(redis, settings=settings, catalog=catalog, reader=reader),
        lister=JobLister(redis),
        limiter=Limiter(redis),
        authenticator=Authenticator.from_settings(settings, redis),
        refusals=Pace(),
        changes=changes,
        waiting=waiting,
        feeds=Feeds(changes),
        lifetime=Lifetime(redis, settings, changes=changes, waiting=waiting, owns_redis=given is None),
    )
