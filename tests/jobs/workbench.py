"""The core on an empty Redis, real or fake: what the web process does, and by hand what a worker does."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from pollable.catalog import Catalog, JobType
from pollable.jobs import reaper
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.listing import JobLister
from pollable.jobs.reading import JobReader
from pollable.jobs.reaper import Pass
from pollable.model import Job
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Claim, Claims, Ending, Outcome, Settlement
from tests.keyspace import rq_job

T = TypeVar("T")
OWNER = "owner-1"
STRANGER = "owner-2"
KNOWN = ("once", "thrice", "patient", "urgent", "brief", "plain", "limited", "fragile", "retired")
"""The job types that the worker knows."""
LEASE_S = 0.3
"""Shorter than the setting allows, for tests that wait until a lease is over."""


def never_called(_: Any) -> None:
    raise AssertionError("No job runs here.")


def job_type(name: str, **options: Any) -> JobType:
    return JobType(name=name, function=never_called, payload_type=Any, result_type=Any, **options)


ONCE = job_type("once", result_ttl_s=3, failure_ttl_s=5)
THRICE = job_type("thrice", max_attempts=3, failure_ttl_s=5)
PATIENT = job_type("patient", max_attempts=3, retry_delays_s=(1, 60))
URGENT = job_type("urgent", queue="pollable-high")


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
    """One web process and one worker. `claims` keeps a lease for long, `reap` goes by `LEASE_S`."""

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self.redis = backend.connect()
        self.claims = Claims(self.redis, lease_s=30, types=KNOWN)
        self.catalog = Catalog()
        for each in (ONCE, THRICE, PATIENT, URGENT):
            self.catalog.add(each)
        self._runner = asyncio.Runner()
        self._async_redis = backend.connect_async()
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Go on as a web process with these settings."""
        self.settings = settings
        self.store = JobReader(self._async_redis, settings)
        self.jobs = JobWriter(self._async_redis, settings=settings, catalog=self.catalog, reader=self.store)
        self.lister = JobLister(self._async_redis)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self.run(self._async_redis.aclose())
        self._runner.close()
        self.redis.close()

    def submit(self, type_: JobType = ONCE, *, owner: str = OWNER, payload: bytes = b"1", **options: Any) -> Job:
        return self.run(self.jobs.submit(Submission(type=type_, owner=owner, payload=payload, **options))).job

    def read(self, job_id: str, *, owner: str | None = OWNER) -> Job:
        return self.run(self.store.read(job_id, owner=owner))

    def cancel(self, job_id: str, *, owner: str | None = OWNER) -> Job:
        return self.run(self.jobs.cancel(job_id, owner=owner))

    def rerun(self, job_id: str, *, owner: str | None = OWNER) -> Job:
        return self.run(self.jobs.rerun(job_id, owner=owner, check=JobType.decode)).job

    def delete(self, job_id: str, *, owner: str | None = OWNER) -> None:
        self.run(self.jobs.delete(job_id, owner=owner))

    def pop(self, queue: str = "pollable", *, types: Sequence[str] = KNOWN) -> bytes | None:
        """The next id, taken as a worker takes it: into the queue's intermediate list."""
        script = self.redis.register_script(source("pop"))
        taken: Any = script(args=[keys.PREFIX, keys.RQ_PREFIX, " ".join(types), 0, queue])
        return bytes(taken[1]) if len(taken) == 2 else None

    def announce(self, *types: str, queues: Sequence[str] = ("pollable-high", "pollable", "pollable-low")) -> None:
        """What a living worker does every few seconds."""
        self.redis.register_script(source("announce"))(args=[keys.PREFIX, keys.RQ_PREFIX, " ".join(types), *queues])

    def claim(self, job_id: str, *, lease_s: float | None = None) -> Claim:
        claims = self.claims if lease_s is None else Claims(self.redis, lease_s=lease_s, types=KNOWN)
        claim = claims.claim(job_id)
        assert isinstance(claim, Claim), claim
        return claim

    def start(self, type_: JobType = ONCE, **options: Any) -> Claim:
        """Submit a job and begin its first attempt."""
        job = self.submit(type_, **options)
        self.redis.lrem(f"rq:queue:{job.queue}", 0, job.id)
        return self.claim(job.id)

    def succeed(self, claim: Claim, result: bytes = b'{"answer":42}') -> Settlement:
        return self.claims.complete(claim, Outcome(kind=Ending.SUCCEEDED, result=result))

    def fail(self, claim: Claim, *, may_retry: bool = False, delay_s: int = 0) -> Settlement:
        outcome = Outcome(kind=Ending.FAILED, code="exception", message="boom", may_retry=may_retry, delay_s=delay_s)
        return self.claims.complete(claim, outcome)

    def reap(self, *, lease_s: float = LEASE_S) -> Mapping[str, int]:
        """One pass of the reaper, however soon after the last one; what it did, and how often."""
        return self.reaped(lease_s=lease_s).counts

    def reaped(self, *, lease_s: float = LEASE_S) -> Pass:
        """The same, with all that it found."""
        script = self.redis.register_script(source("reap"))
        arguments = reaper.arguments(self.settings, lease_ms=int(lease_s * 1000), every_ms=0)
        reply: Any = script(args=arguments)
        return Pass.of(reply)

    def reap_until(self, job_id: str, is_reached: Callable[[Job], bool], *, within_s: float = 20) -> Job:
        """Pass after pass, as a deployment does it, until the job is as wanted."""
        return until(lambda: self.read(job_id), is_reached, within_s=within_s, meanwhile=self.reap)

    def queued(self, queue: str = "pollable") -> list[str]:
        ids: Any = self.redis.lrange(f"rq:queue:{queue}", 0, -1)
        return [job_id.decode() for job_id in ids]

    def rq_hash(self, job_id: str) -> dict[str, bytes]:
        values: Any = self.redis.hgetall(rq_job(job_id))
        return {name.decode(): value for name, value in values.items()}

    def record(self, job_id: str) -> dict[str, bytes]:
        values: Any = self.redis.hgetall(keys.record(job_id))
        return {name.decode(): value for name, value in values.items()}

    def snapshot(self) -> dict[str, Any]:
        """Everything in Redis but the bells, which are gone in a moment, as bytes that can be compared."""
        names: Any = self.redis.keys("*")
        kept = [name for name in sorted(names) if not name.startswith(keys.bell("", "")[:-1].encode())]
        return {name.decode(): self._content(name) for name in kept}

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
