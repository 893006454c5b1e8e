"""The caller's side: submits, cancels, and looks at every job twenty times a second for as long as the test lasts."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

import msgspec

from pollable.catalog import Catalog, JobType
from pollable.errors import StoreUnavailable
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.jobs.reaper import Reaper
from pollable.model import Job, State
from pollable.settings import Settings
from pollable.storage.connection import connect_async
from tests.worker.waiting import until

T = TypeVar("T")
OWNER = "desk"
SAMPLE_S = 0.05


class Desk:
    """Notes every change that no caller may see: out of a final state, in its answer, or back to an earlier attempt."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="desk", daemon=True)
        self._seen: dict[str, list[Job]] = {}
        self._reaping: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.violations: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def submit(self, act: str, *, delay_ms: int | None = None, plan: Any = None, **limits: Any) -> str:
        """The id of a new job of that act; `limits` are fields of its job type."""
        job_type = JobType(name=act, function=print, payload_type=Any, result_type=Any, **limits)
        payload = msgspec.json.encode({} if plan is None else plan)
        submission = Submission(type=job_type, payload=payload, owner=OWNER, delay_ms=delay_ms)
        job = self._do(self._jobs.submit(submission)).job
        self._seen[job.id] = [job]
        return job.id

    def cancel(self, job_id: str) -> Job:
        return self._do(self._jobs.cancel(job_id, owner=OWNER))

    def read(self, job_id: str) -> Job:
        return self._do(self._store.read(job_id, owner=OWNER))

    def reap(self) -> None:
        """From now on reap, as each web process does."""
        self._loop.call_soon_threadsafe(lambda: self._reaping.add(self._loop.create_task(self._reap())))

    def seen(self, job_id: str) -> list[Job]:
        """Every different answer so far, oldest first."""
        return list(self._seen[job_id])

    def until(self, job_id: str, condition: Callable[[Job], bool], *, within_s: float = 20) -> Job:
        until(lambda: any(map(condition, self.seen(job_id))), within_s=within_s, what=self._seen[job_id])
        return next(job for job in self.seen(job_id) if condition(job))

    def ended(self, job_id: str, *, within_s: float = 20) -> Job:
        return self.until(job_id, lambda job: job.state.is_final, within_s=within_s)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        self._redis = connect_async(self._settings)
        self._store = JobReader(self._redis, self._settings)
        self._jobs = JobWriter(self._redis, settings=self._settings, catalog=Catalog(), reader=self._store)
        self._watching = asyncio.create_task(self._watch())

    async def _reap(self) -> None:
        # A connection of its own, since this is cut off in the middle of whatever it does.
        async with connect_async(self._settings) as redis:
            await Reaper(redis, self._settings).run(asyncio.Event())

    async def _close(self) -> None:
        self._is_over = True
        await self._watching
        for task in self._reaping:
            while not task.done():
                # Python 3.11's asyncio.wait_for, through which redis-py sends, can swallow a cancellation.
                task.cancel()
                await asyncio.wait([task], timeout=0.5)
        await self._redis.aclose()

    async def _watch(self) -> None:
        while not self._is_over:
            ids = list(self._seen)
            try:
                for job_id, job in zip(ids, await self._store.read_many(ids, owner=OWNER), strict=True):
                    self._note(job_id, job)
            except StoreUnavailable:
                pass
            await asyncio.sleep(SAMPLE_S)

    def _note(self, job_id: str, job: Job | None) -> None:
        before = self._seen[job_id][-1]
        if job is None:
            self.violations.append(f"{job_id} vanished; it was {before}")
        elif job != before:
            self._seen[job_id].append(job)
            if (wrong := _wrong_between(before, job)) is not None:
                self.violations.append(f"{job_id} {wrong}: from {before} to {job}")


def _wrong_between(before: Job, after: Job) -> str | None:
    if before.state.is_final:
        return "changed after its end"
    if after.attempts < before.attempts or after.attempts > after.max_attempts:
        return "counts its attempts wrongly"
    if after.state is State.RUNNING and after.attempts == 0:
        return "runs without an attempt"
    if before.state is State.RUNNING and after.state is State.SCHEDULED and after.attempts == after.max_attempts:
        return "waits for an attempt that it does not have"
    if before.state is State.QUEUED and after.state is State.SCHEDULED and after.attempts == before.attempts:
        return "went from queued to scheduled"
    if (after.state is State.SUCCEEDED) != (after.result is not None):
        return "has a result that is not its own"
    return None
