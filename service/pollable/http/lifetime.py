"""The time for which the application serves: its reaper runs, its connections belong to this event loop."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from pollable.auth.authenticator import CHOICE
from pollable.errors import NotRunning, SettingsError
from pollable.jobs.changes import Changes
from pollable.jobs.reaper import Reaper
from pollable.jobs.waiting import Waiting
from pollable.settings import Settings
from pollable.storage import risks
from pollable.storage.connection import connect_async

log = logging.getLogger("pollable.http")

UNSAID = f"Nothing was said about authentication, and the application cannot know who reaches it. {CHOICE}"
FORGOTTEN = (
    "The application's lifespan does not run. Starlette leaves that of a mounted application out: give the one that it "
    "is mounted in `lifespan=pollable.lifespan`, where `pollable` is what create_app returned."
)


class Lifetime:
    """Begins with the first that runs it, and ends with the last."""

    def __init__(
        self, redis: Redis, settings: Settings, *, changes: Changes, waiting: Waiting, owns_redis: bool
    ) -> None:
        self._redis = redis
        self._changes, self._waiting = changes, waiting
        self._settings = settings
        self._owns_redis = owns_redis
        self._runners = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self.is_running = False

    @asynccontextmanager
    async def run(self, _: object = None) -> AsyncIterator[None]:
        """ASGI's lifespan. Raises `SettingsError` where nothing was said about authentication."""
        if self._settings.auth is None:
            raise SettingsError(UNSAID)
        loop = asyncio.get_running_loop()
        if self._runners and self._loop is not loop:
            raise RuntimeError("The application runs in another event loop already; each needs one of its own.")
        self._runners += 1
        if self._runners == 1:
            self._loop = loop
            self._begin()
        try:
            yield
        finally:
            self._runners -= 1
            if not self._runners:
                await self._end()

    def require(self) -> None:
        """Raises `NotRunning`."""
        if not self.is_running:
            reason = UNSAID if self._settings.auth is None else FORGOTTEN
            log.error("a request was refused: %s", reason)
            raise NotRunning(reason)

    def _begin(self) -> None:
        if self._owns_redis:
            # Connections and locks of a loop that has ended are of no use in this one.
            self._redis.connection_pool = connect_async(self._settings).connection_pool
        self._over, self._waiting.is_over = asyncio.Event(), False
        reaping = Reaper(self._redis, self._settings).run(self._over)
        telling = risks.tell_async(self._redis, self._settings, self._over)
        self._tasks = asyncio.create_task(reaping), asyncio.create_task(telling)
        self.is_running = True

    async def _end(self) -> None:
        self.is_running = False
        self._over.set()
        self._waiting.close()
        pool = self._redis.connection_pool
        await asyncio.gather(self._changes.close(), *self._tasks)
        if self._owns_redis:
            await pool.aclose()
