"""A deployment under test: the real application over ASGI on a real Redis, and the worker's side of it.

Whatever it answers, in whichever test, is held against its description.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated, Any

import httpx
import msgspec
import redis
from redis.asyncio import Redis as AsyncRedis

from pollable.app import create_app
from pollable.catalog import Catalog, JobType
from pollable.settings import Settings
from pollable.storage import keys
from pollable.worker.claims import Claim, Claims, Ending, Outcome
from tests.http.conforming import description
from tests.keyspace import put_into_project

PROJECT_ID = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"
ANALYSIS_ID = "2f8a5c3d-9b1e-4d7f-8a6b-3c5e7f9d1b2a"


class Text(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1)]
    questions: int = 5


def never_called(_: Any) -> None:
    raise AssertionError("The web process runs no job.")


def job_type(name: str, *, payload_type: Any = Text, result_type: Any = dict, **options: Any) -> JobType:
    return JobType(name=name, function=never_called, payload_type=payload_type, result_type=result_type, **options)


JOB_TYPES = (
    job_type("generate_assessment", submit="/generate_assessment", envelope="plain"),
    job_type("AI_PREVIEW", submit="/api/admin/prompts/preview", envelope="record", max_attempts=3),
    job_type("screen_analysis", submit="/api/v1/analysis/screen", envelope="minimal"),
    job_type("document_processing", envelope="managed"),
    job_type("audit_analysis", submit="/api/agent/projects/{projectId}/audit-analysis/async", envelope="agent"),
    job_type("anything", payload_type=Any, result_type=Any),
)


def catalog_of(*job_types: JobType) -> Catalog:
    catalog = Catalog()
    for each in job_types:
        catalog.add(each)
    return catalog


REAPER = {f"{keys.PREFIX}reaper".encode(), f"{keys.PREFIX}history".encode()}
LIMITS = f"{keys.PREFIX}limit:".encode()


class Deployment:
    """One web process and, by hand, its worker; callers know it as `at`."""

    def __init__(self, settings: Settings, *, catalog: Catalog | None = None, at: str = "pollable.test") -> None:
        if settings.is_open and at != "localhost" and not settings.hosts:
            settings = msgspec.structs.replace(settings, hosts=(at,))
        self.settings = settings
        self.redis = redis.Redis.from_url(settings.redis_url)
        self.catalog = catalog = catalog or catalog_of(*JOB_TYPES)
        self.description = description(settings, catalog)
        self._claims = Claims(self.redis, lease_s=settings.lease_s, types=[each.name for each in catalog])
        self._async_redis: AsyncRedis = AsyncRedis.from_url(settings.redis_url)
        self._loop = asyncio.Runner()
        self.app = create_app(settings, catalog=catalog, redis=self._async_redis)
        self._lifespan = AsyncExitStack()
        self._loop.run(self._lifespan.enter_async_context(self.app.lifespan()))
        transport = httpx.ASGITransport(app=self.app)
        self._client = httpx.AsyncClient(transport=transport, base_url=f"http://{at}")

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.run(self._lifespan.aclose())
        self._loop.run(self._async_redis.aclose())
        self._loop.close()
        self.redis.close()

    def disconnect(self) -> None:
        """Have the next request make a new connection to Redis."""
        self._loop.run(self._async_redis.connection_pool.disconnect())

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, which is as it is described."""
        answer = self._loop.run(self._client.request(method, path, **options))
        self.description.check(answer)
        return answer

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, headers=_named(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.request("POST", path, json=body, headers=_named(headers))

    def submit(self, name: str = "anything", payload: Any = None, *, project: str | None = None, **members: Any) -> str:
        """The id of a new job."""
        answer = self.post("/jobs", {"type": name, "payload": payload, **members})
        assert answer.status_code == 202, answer.text
        job_id = str(answer.json()["id"])
        if project is not None:
            put_into_project(self.redis, job_id, project)
        return job_id

    def start(self, job_id: str) -> Claim:
        claim = self._claims.claim(job_id)
        assert isinstance(claim, Claim)
        return claim

    def end(self, claim: Claim, result: bytes) -> None:
        self._claims.complete(claim, Outcome(kind=Ending.SUCCEEDED, result=result))

    def succeed(self, job_id: str, result: bytes = b'{"done":true}') -> None:
        self.end(self.start(job_id), result)

    def fail(self, job_id: str, code: str = "exception", message: str = "It broke.") -> None:
        self.break_off(self.start(job_id), code, message)

    def break_off(self, claim: Claim, code: str = "exception", message: str = "It broke.") -> None:
        self._claims.complete(claim, Outcome(kind=Ending.FAILED, code=code, message=message))

    def is_claimable(self, job_id: str) -> bool:
        return isinstance(self._claims.claim(job_id), Claim)

    def retry(self, job_id: str, *, delay_s: int) -> None:
        """Fail an attempt that another one follows."""
        outcome = Outcome(kind=Ending.FAILED, code="exception", message="It broke.", may_retry=True, delay_s=delay_s)
        self._claims.complete(self.start(job_id), outcome)

    def next_second(self) -> None:
        """Wait until Redis' clock shows another second, so that moments cut to seconds differ."""
        began_s = self.redis.time()[0]
        while self.redis.time()[0] == began_s:
            time.sleep(0.01)

    def dump(self) -> Mapping[bytes, bytes]:
        """All of Redis, to be compared, but for what the reaper notes and what counts requests."""
        names = (key for key in self.redis.scan_iter(count=1000) if key not in REAPER and not key.startswith(LIMITS))
        return {key: self.redis.dump(key) or b"" for key in names}


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
