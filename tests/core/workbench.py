"""The core on an empty Redis, real or fake: what the web process does, and by hand what a worker does."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import msgspec
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from service import keys, reaper
from service.catalog import Catalog, JobType
from service.fence import Claim, Fence, Outcome, Verdict
from service.jobs import Jobs, Submission
from service.model import Job
from service.scripts import load
from service.settings import Settings
from service.store import Store

T = TypeVar("T")
OWNER = "owner-1"
STRANGER = "owner-2"
LEASE_S = 0.3
"""Shorter than the setting allows, for tests that wait until a lease is over."""


def never_called(_: Any) -> None:
    raise AssertionError("No job runs here.")


def job_type(name: str, **options: Any) -> JobType:
    return JobType(name=name, function=never_called, payload_type=Any, result_type=Any, **options)


ONCE = job_type("once", result_ttl_s=3, failure_ttl_s=5)
THRICE = job_type("thrice", max_attempts=3, failure_ttl_s=5)
PATIENT = job_type("patient", max_attempts=3, retry_delays_s=(1, 60))
URGENT = job_type("urgent", queue="high")


class Backend(Protocol):
    """Where the data is; every client that it makes sees the same."""

    def connect(self) -> Redis: ...

    def connect_async(self) -> AsyncRedis: ...


class Real:
    """A Redis server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def connect(self) -> Redis:
        return Redis.from_url(self.url)

    def connect_async(self) -> AsyncRedis:
        return AsyncRedis.from_url(self.url)


class Workbench:
    """One web process and one worker. `fence` keeps a lease for long, `reap` goes by `LEASE_S`."""

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self.redis = backend.connect()
        self.fence = Fence(self.redis, lease_s=30)
        self.catalog = Catalog()
        for each in (ONCE, THRICE, PATIENT, URGENT):
            self.catalog.add(each)
        self._runner = asyncio.Runner()
        self._async_redis = backend.connect_async()
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Go on as a web process with these settings."""
        self.settings = settings
        self.store = Store(self._async_redis, settings)
        self.jobs = Jobs(self._async_redis, settings=settings, catalog=self.catalog, store=self.store)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.run(self._async_redis.aclose())
        self._runner.close()
        self.redis.close()

    def submit(self, type_: JobType = ONCE, *, owner: str = OWNER, payload: bytes = b"1", **options: Any) -> Job:
        return self.run(self.jobs.submit(Submission(type=type_, owner=owner, payload=payload, **options)))

    def read(self, job_id: str, *, owner: str | None = OWNER) -> Job:
        return self.run(self.store.read(job_id, owner=owner))

    def cancel(self, job_id: str, *, owner: str | None = OWNER) -> Job:
        return self.run(self.jobs.cancel(job_id, owner=owner))

    def rerun(self, job_id: str, *, owner: str | None = OWNER) -> Job:
        return self.run(self.jobs.rerun(job_id, owner=owner))

    def delete(self, job_id: str, *, owner: str | None = OWNER) -> None:
        self.run(self.jobs.delete(job_id, owner=owner))

    def pop(self, queue: str = "default") -> bytes | None:
        """The next id, taken as a worker takes it: into the queue's intermediate list."""
        taken: Any = self.redis.register_script(load("pop"))(args=[f"rq:queue:{queue}"])
        return bytes(taken[1]) if taken else None

    def claim(self, job_id: str, *, lease_s: float | None = None) -> Claim:
        fence = self.fence if lease_s is None else Fence(self.redis, lease_s=lease_s)
        claim = fence.claim(job_id)
        assert isinstance(claim, Claim), claim
        return claim

    def start(self, type_: JobType = ONCE, **options: Any) -> Claim:
        """Submit a job and begin its first attempt."""
        job = self.submit(type_, **options)
        self.redis.lrem(f"rq:queue:{type_.queue}", 0, job.id)
        return self.claim(job.id)

    def succeed(self, claim: Claim, result: bytes = b'{"answer":42}') -> Verdict:
        return self.fence.complete(claim, Outcome(kind="succeeded", result=result))

    def fail(self, claim: Claim, *, may_retry: bool = False, delay_s: int = 0) -> Verdict:
        outcome = Outcome(kind="failed", code="exception", message="boom", may_retry=may_retry, delay_s=delay_s)
        return self.fence.complete(claim, outcome)

    def reap(self, *, lease_s: float = LEASE_S) -> list[int]:
        """One pass of the reaper, however soon after the last one."""
        script = self.redis.register_script(load("reap"))
        prefix, rq_prefix, _, _, *queues = reaper.arguments(self.settings)
        counts: Any = script(args=[prefix, rq_prefix, int(lease_s * 1000), 0, *queues])
        return [int(count) for count in counts]

    def reap_until(self, job_id: str, is_reached: Callable[[Job], bool], *, within_s: float = 20) -> Job:
        """Pass after pass, as a deployment does it, until the job is as wanted."""
        return until(lambda: self.read(job_id), is_reached, within_s=within_s, meanwhile=self.reap)

    def queued(self, queue: str = "default") -> list[str]:
        ids: Any = self.redis.lrange(f"rq:queue:{queue}", 0, -1)
        return [job_id.decode() for job_id in ids]

    def rq_hash(self, job_id: str) -> dict[str, bytes]:
        values: Any = self.redis.hgetall(keys.rq_job(job_id))
        return {name.decode(): value for name, value in values.items()}

    def record(self, job_id: str) -> dict[str, bytes]:
        values: Any = self.redis.hgetall(keys.record(job_id))
        return {name.decode(): value for name, value in values.items()}

    def snapshot(self) -> dict[str, Any]:
        """Everything in Redis, as bytes that can be compared."""
        names: Any = self.redis.keys("*")
        return {name.decode(): self._content(name) for name in sorted(names)}

    def _content(self, name: bytes) -> Any:
        readers: dict[bytes, Callable[[], Any]] = {
            b"hash": lambda: self.redis.hgetall(name),
            b"list": lambda: self.redis.lrange(name, 0, -1),
            b"set": lambda: self.redis.smembers(name),
            b"zset": lambda: self.redis.zrange(name, 0, -1, withscores=True),
            b"stream": lambda: self.redis.xrange(name),
            b"string": lambda: self.redis.get(name),
        }
        kind: Any = self.redis.type(name)
        return readers[kind]()


def until(
    look: Callable[[], T],
    is_reached: Callable[[T], bool],
    *,
    within_s: float = 20,
    meanwhile: Callable[[], object] = lambda: None,
) -> T:
    """What `look` sees once it is as wanted; fails the test when that takes too long."""
    deadline = time.monotonic() + within_s
    while not is_reached(seen := look()):
        assert time.monotonic() < deadline, f"after {within_s} s it is still {seen!r}"
        meanwhile()
        time.sleep(0.02)
    return seen


def with_settings(bench: Workbench, **changes: Any) -> None:
    bench.configure(msgspec.structs.replace(bench.settings, **changes))
