"""`AsyncJobs`, which is awaited."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self, Unpack
from weakref import WeakKeyDictionary

import msgspec
from redis.asyncio import Redis

from pollable.api.blocking import require_bytes
from pollable.api.desk import Desk, Filters, JobFunction, Options, Whose
from pollable.api.job import Job
from pollable.catalog import Catalog
from pollable.settings import Settings, from_environment
from pollable.storage.connection import connect_async


class _Place(msgspec.Struct, frozen=True):
    """What one event loop works with."""

    redis: Redis
    desk: Desk


class AsyncJobs:
    """`Jobs` for event loops, method for method. One for a process will do: each loop gets connections of its own.

    A `redis` that is given is the giver's to close, and belongs to one loop.
    """

    def __init__(self, settings: Settings, *, catalog: Catalog | None = None, redis: Redis | None = None) -> None:
        require_bytes(redis)
        self._settings = settings
        self._catalog = catalog
        self._given = redis
        # Django's async_to_sync, and tests, run one loop after the other.
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, _Place] = WeakKeyDictionary()

    @classmethod
    def from_environment(cls, *, redis: Redis | None = None) -> Self:
        """As `Jobs.from_environment`."""
        return cls(from_environment(), redis=redis)

    def __repr__(self) -> str:
        return f"AsyncJobs({self._settings.redis})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of this event loop; it can be used again all the same."""
        place = self._places.pop(asyncio.get_running_loop(), None)
        if place is not None and self._given is None:
            await place.redis.aclose()

    async def submit(
        self, type: str | JobFunction, payload: object, *, owner: Whose = None, **options: Unpack[Options]
    ) -> Job:
        """As `Jobs.submit`."""
        return await self._desk.submit(type, payload, owner=owner, options=options)

    async def get(self, job_id: str, *, owner: Whose = None) -> Job:
        """As `Jobs.get`."""
        return await self._desk.get(job_id, owner=owner)

    async def wait(self, job_id: str, *, timeout: float | None = None, owner: Whose = None) -> Job:
        """As `Jobs.wait`."""
        return await self._desk.wait(job_id, owner=owner, timeout_s=timeout)

    async def cancel(self, job_id: str, *, owner: Whose = None) -> Job:
        """As `Jobs.cancel`."""
        return await self._desk.cancel(job_id, owner=owner)

    async def rerun(self, job_id: str, *, owner: Whose = None, idempotency_key: str | None = None) -> Job:
        """As `Jobs.rerun`."""
        return await self._desk.rerun(job_id, owner=owner, idempotency_key=idempotency_key)

    async def list(self, *, owner: Whose = None, **filters: Unpack[Filters]) -> AsyncIterator[Job]:
        """As `Jobs.list`."""
        async for job in self._desk.pages(owner=owner, filters=filters):
            yield job

    @property
    def _desk(self) -> Desk:
        loop = asyncio.get_running_loop()
        place = self._places.get(loop)
        if place is None:
            redis = self._connected()
            place = self._places[loop] = _Place(redis, Desk(self._settings, redis, catalog=self._catalog))
        return place.desk

    def _connected(self) -> Redis:
        return connect_async(self._settings) if self._given is None else self._given
