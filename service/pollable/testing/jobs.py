"""`Jobs` and `AsyncJobs` where whoever submits or waits gives the worker its turns."""

import asyncio
import time
from collections.abc import Callable
from typing import Unpack

import redis.asyncio
from redis import Redis

from pollable.api.awaiting import AsyncJobs
from pollable.api.blocking import Jobs
from pollable.api.desk import Desk, JobFunction, Options, Whose
from pollable.api.job import Job
from pollable.catalog import Catalog
from pollable.cli import embedded
from pollable.settings import Settings

PAUSE_S = 0.02
Turn = Callable[[], object]


class WorkingJobs(Jobs):
    """Whatever is submitted has had its turn before its submit returns; who waits gives more of them."""

    def __init__(self, settings: Settings, *, catalog: Catalog, redis: Redis, turn: Turn) -> None:
        super().__init__(settings, catalog=catalog, redis=redis)
        self._desk.pause = self._pause
        self._turn = turn

    async def _pause(self, seconds: float) -> None:
        self._turn()
        time.sleep(min(seconds, PAUSE_S))  # noqa: ASYNC251 - who blocks is on no event loop

    def submit(
        self, type: str | JobFunction, payload: object, *, owner: Whose = None, **options: Unpack[Options]
    ) -> Job:
        """As `Jobs.submit`; the answer is the job as it was accepted."""
        job = super().submit(type, payload, owner=owner, **options)
        self._turn()
        return job

    def rerun(self, job_id: str, *, owner: Whose = None, idempotency_key: str | None = None) -> Job:
        """As `Jobs.rerun`; the answer is the job as it was accepted."""
        job = super().rerun(job_id, owner=owner, idempotency_key=idempotency_key)
        self._turn()
        return job


class WorkingAsyncJobs(AsyncJobs):
    """The same to be awaited. Nothing else goes on in the event loop while a job runs."""

    def __init__(self, settings: Settings, *, catalog: Catalog, fake: embedded.Fake | None, turn: Turn) -> None:
        super().__init__(settings, catalog=catalog)
        self._fake = fake
        self._turn = turn

    def _connected(self) -> redis.asyncio.Redis:
        return super()._connected() if self._fake is None else self._fake.connect_async()

    @property
    def _desk(self) -> Desk:
        desk = super()._desk
        desk.pause = self._pause
        return desk

    async def _pause(self, seconds: float) -> None:
        self._turn()
        await asyncio.sleep(min(seconds, PAUSE_S))

    async def submit(
        self, type: str | JobFunction, payload: object, *, owner: Whose = None, **options: Unpack[Options]
    ) -> Job:
        """As `AsyncJobs.submit`; the answer is the job as it was accepted."""
        job = await super().submit(type, payload, owner=owner, **options)
        self._turn()
        return job

    async def rerun(self, job_id: str, *, owner: Whose = None, idempotency_key: str | None = None) -> Job:
        """As `AsyncJobs.rerun`; the answer is the job as it was accepted."""
        job = await super().rerun(job_id, owner=owner, idempotency_key=idempotency_key)
        self._turn()
        return job
