"""A deployment under test: the real application over ASGI on a real Redis, and the worker's side of it."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
import msgspec
import redis
from redis.asyncio import Redis as AsyncRedis

from service.app import create_app
from service.catalog import Catalog, JobType
from service.fence import Claim, Fence, Outcome
from service.settings import Settings

PROJECT_ID = "7b1c6f0e-5a43-4b59-9f3a-0d2f4c1a9e77"
ANALYSIS_ID = "2f8a5c3d-9b1e-4d7f-8a6b-3c5e7f9d1b2a"


class Text(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1)]
    questions: int = 5


def never_called(_: Any) -> None:
    raise AssertionError("The web process runs no job.")


def job_type(name: str, *, payload_type: Any = Text, **options: Any) -> JobType:
    return JobType(name=name, function=never_called, payload_type=payload_type, result_type=dict, **options)


JOB_TYPES = (
    job_type("generate_assessment", submit="/generate_assessment", envelope="plain"),
    job_type("AI_PREVIEW", submit="/api/admin/prompts/preview", envelope="record", max_attempts=3),
    job_type("screen_analysis", submit="/api/v1/analysis/screen", envelope="minimal"),
    job_type("document_processing", envelope="managed"),
    job_type("audit_analysis", submit="/api/agent/projects/{projectId}/audit-analysis/async", envelope="agent"),
    job_type("anything", payload_type=Any),
)


def catalog_of(*job_types: JobType) -> Catalog:
    catalog = Catalog()
    for each in job_types:
        catalog.add(each)
    return catalog


class Deployment:
    """One web process and, by hand, its worker."""

    def __init__(self, settings: Settings, *, catalog: Catalog | None = None) -> None:
        self.settings = settings
        self.redis = redis.Redis.from_url(settings.redis_url)
        self._fence = Fence(self.redis, lease_s=settings.lease_s)
        self._async_redis: AsyncRedis = AsyncRedis.from_url(settings.redis_url)
        self._loop = asyncio.Runner()
        self.app = create_app(settings, catalog=catalog or catalog_of(*JOB_TYPES), redis=self._async_redis)
        transport = httpx.ASGITransport(app=self.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://pollable.test")

    def close(self) -> None:
        self._loop.run(self._client.aclose())
        self._loop.run(self._async_redis.aclose())
        self._loop.close()
        self.redis.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._loop.run(self._client.request(method, path, **options))

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.request("GET", path, headers=_named(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.request("POST", path, json=body, headers=_named(headers))

    def submit(self, name: str = "anything", payload: Any = None, **members: Any) -> str:
        """The id of a new job."""
        answer = self.post("/jobs", {"type": name, "payload": payload, **members})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def start(self, job_id: str) -> Claim:
        claim = self._fence.claim(job_id)
        assert isinstance(claim, Claim)
        return claim

    def end(self, claim: Claim, result: bytes) -> None:
        self._fence.complete(claim, Outcome(kind="succeeded", result=result))

    def succeed(self, job_id: str, result: bytes = b'{"done":true}') -> None:
        self.end(self.start(job_id), result)

    def fail(self, job_id: str, code: str = "exception", message: str = "It broke.") -> None:
        self._fence.complete(self.start(job_id), Outcome(kind="failed", code=code, message=message))

    def dump(self) -> Mapping[bytes, bytes]:
        """All of Redis, to be compared."""
        return {key: self.redis.dump(key) or b"" for key in self.redis.scan_iter(count=1000)}


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
