"""What both faces do, written once: from what one's own code says to the scripts, and back to a `Job`."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypedDict

import msgspec
from redis.asyncio import Redis

from pollable import catalog as catalogs
from pollable.api.job import Job
from pollable.api.owner import Owner, owner_name
from pollable.catalog import Catalog
from pollable.envelopes.native import envelope
from pollable.errors import InvalidJson, StoreUnavailable, UnknownJobType
from pollable.jobs import fitting
from pollable.jobs.changing import JobWriter
from pollable.jobs.listing import JobLister, JobPage
from pollable.jobs.reading import JobReader
from pollable.jobs.tracing import writer_class
from pollable.settings import Settings
from pollable.storage.batch import BatchedScript

FIRST_LOOK_S, GROWTH, LAST_LOOK_S = 0.02, 1.2, 1.0
"""Between two looks at a job that is waited for."""

_first_use = threading.RLock()
# Nobody forks meanwhile: the child would wait for ever, for a thread that only its parent has.
os.register_at_fork(before=_first_use.acquire, after_in_parent=_first_use.release, after_in_child=_first_use.release)

JobFunction = Callable[..., Any]
Whose = str | Owner | None


class Options(TypedDict, total=False):
    """What may be said of a submit; `delay` is in seconds, `run_at` has a time zone."""

    queue: str | None
    delay: float | None
    run_at: datetime | None
    labels: Mapping[str, str] | None
    idempotency_key: str | None


class Filters(TypedDict, total=False):
    """What narrows a list; a job has all of the labels, and one of the states and types."""

    status: str | Iterable[str]
    type: str | Iterable[str]
    labels: Mapping[str, str] | None


class Desk:
    """Job types are those of `catalog`; without one they are loaded when the first job is submitted.

    `script` and `pause` say how a script is asked, and how it is waited.
    """

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        *,
        catalog: Catalog | None,
        script: type[BatchedScript] = BatchedScript,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._given = catalog
        self._loaded: Catalog | None = None
        self._made: JobWriter | None = None
        self.pause = pause
        self._reader = JobReader(redis, settings, script=script)
        self._lister = JobLister(redis, script=script)

    @property
    def _catalog(self) -> Catalog:
        with _first_use:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> Catalog:
        if self._given is None:
            return catalogs.deployed(self._settings, may_be_empty=True)
        catalogs.check_queues_of(self._given, self._settings)
        return self._given

    @property
    def _writer(self) -> JobWriter:
        with _first_use:
            if self._made is None:
                settings, reader = self._settings, self._reader
                make = writer_class()
                self._made = make(self._redis, settings=settings, catalog=self._catalog, reader=reader)
            return self._made

    async def submit(self, type_: str | JobFunction, payload: object, *, owner: Whose, options: Options) -> Job:
        """As `POST /jobs` does it, with its body and in its order."""
        decode = partial(envelope.decode, types=self._catalog, owner=owner_name(owner, self._settings))
        body = _body(self._name_of(type_), payload, options)
        if len(body) > self._settings.max_body_bytes:
            raise fitting.too_large(self._settings.max_body_bytes)
        submission = fitting.ordered(body, decode, queues=self._settings.queues)
        key = _checked(options.get("idempotency_key"))
        accepted = await self._writer.submit(msgspec.structs.replace(submission, idempotency_key=key))
        return Job.of(accepted.job)

    async def get(self, job_id: str, *, owner: Whose) -> Job:
        return Job.of(await self._reader.read(job_id, owner=self._narrowed(owner)))

    async def cancel(self, job_id: str, *, owner: Whose) -> Job:
        return Job.of(await self._writer.cancel(job_id, owner=self._narrowed(owner)))

    async def rerun(self, job_id: str, *, owner: Whose, idempotency_key: str | None) -> Job:
        whose, key = self._narrowed(owner), _checked(idempotency_key)
        check = fitting.check_payload
        return Job.of((await self._writer.rerun(job_id, owner=whose, check=check, idempotency_key=key)).job)

    async def wait(self, job_id: str, *, owner: Whose, timeout_s: float | None) -> Job:
        """The job once it has ended. While Redis is away it is asked again."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        look_s = FIRST_LOOK_S
        while True:
            seen = await self._glance(job_id, owner=owner)
            if isinstance(seen, Job) and seen.is_final:
                return seen
            left_s = LAST_LOOK_S if until is None else until - time.monotonic()
            if left_s <= 0:
                state = f"is {seen.state.value}" if isinstance(seen, Job) else "cannot be read"
                raise TimeoutError(f"Job {job_id} {state} after {timeout_s:g} s, and goes on.") from (
                    seen if isinstance(seen, StoreUnavailable) else None
                )
            await self.pause(min(look_s, left_s))
            look_s = min(look_s * GROWTH, LAST_LOOK_S)

    async def page(self, *, owner: Whose, filters: Filters, cursor: str | None) -> JobPage:
        return await self._lister.page(
            owner=owner_name(owner, self._settings),
            states=frozenset(map(fitting.state, _several(filters.get("status", ())))),
            types=frozenset(_several(filters.get("type", ()))),
            labels=filters.get("labels"),
            cursor=cursor,
        )

    async def pages(self, *, owner: Whose, filters: Filters) -> AsyncIterator[Job]:
        """The jobs of all pages, each asked for when it is reached."""
        cursor: str | None = None
        while True:
            page = await self.page(owner=owner, filters=filters, cursor=cursor)
            for job in page.jobs:
                yield Job.of(job)
            cursor = page.cursor
            if cursor is None:
                return

    async def _glance(self, job_id: str, *, owner: Whose) -> Job | StoreUnavailable:
        try:
            return await self.get(job_id, owner=owner)
        except StoreUnavailable as error:
            return error

    def _narrowed(self, owner: Whose) -> str | None:
        # One's own code sees every job, unless it asks for somebody's.
        return None if owner is None else owner_name(owner, self._settings)

    def _name_of(self, type_: str | JobFunction) -> str:
        if isinstance(type_, str):
            return type_
        for each in self._catalog:
            if each.function is type_:
                return each.name
        named = getattr(type_, "__qualname__", repr(type_))
        raise UnknownJobType(f"{named} is no job type: its module is not in POLLABLE_JOBS, or it lacks @job_type.")


def _body(type_: str, payload: object, options: Options) -> bytes:
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        known = ", ".join(Options.__annotations__)
        raise TypeError(f"A submit has no {', '.join(sorted(unknown))}; it may have {known}.")
    members = {"queue": "queue", "delay": "delay", "run_at": "runAt", "labels": "labels"}
    said = {members[name]: value for name, value in options.items() if name in members and value is not None}
    try:
        return msgspec.json.encode({"type": type_, "payload": payload, **said})
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    except UnicodeEncodeError:
        raise InvalidJson("The body is not UTF-8.") from None


def _checked(key: str | None) -> str | None:
    return None if key is None else fitting.idempotency_key(key)


def _several(given: str | Iterable[str]) -> Iterable[str]:
    return (given,) if isinstance(given, str) else given
