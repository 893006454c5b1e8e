"""The same question through all three faces: HTTP, `Jobs`, `AsyncJobs`."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from pollable import AsyncJobs, Jobs
from pollable.catalog import Catalog
from pollable.errors import ServiceError
from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, Deployment, catalog_of

NAMES = {"run_at": "runAt"}


class Faces:
    """A deployment, and one's own code beside it."""

    def __init__(self, settings: Settings, *, catalog: Catalog | None = None) -> None:
        self.catalog = catalog or catalog_of(*JOB_TYPES)
        self.http = Deployment(settings, catalog=self.catalog)
        self.jobs = Jobs(settings, catalog=self.catalog)
        self.settings = settings

    def close(self) -> None:
        self.http.close()
        self.jobs.close()

    def submit_over_http(self, type_: str, payload: object, *, key: str | None = None, **options: Any) -> Any:
        members = {NAMES.get(name, name): value for name, value in options.items()}
        body = msgspec.json.encode({"type": type_, "payload": payload, **members})
        headers = {"content-type": "application/json"}
        if key is not None:
            headers["idempotency-key"] = f'"{key}"'
        return self.http.request("POST", "/jobs", content=body, headers=headers)

    def refusals_of_submit(self, type_: str, payload: object, *, key: str | None = None, **options: Any) -> list[Any]:
        """What each face says to it, which must be no."""

        def blocking() -> object:
            return self.jobs.submit(type_, payload, idempotency_key=key, **options)

        def awaited() -> object:
            return asyncio.run(self._awaited(type_, payload, idempotency_key=key, **options))

        answer = self.submit_over_http(type_, payload, key=key, **options)
        return [told(answer), said(blocking), said(awaited)]

    async def _awaited(self, *arguments: Any, **options: Any) -> object:
        async with AsyncJobs(self.settings, catalog=self.catalog) as jobs:
            return await jobs.submit(*arguments, **options)


def told(answer: Any) -> dict[str, Any]:
    """What a problem tells: its status, code, words, and further members."""
    problem = answer.json()
    problem.pop("type")
    return {"retry": answer.headers.get("retry-after"), **problem, "status": answer.status_code}


def said(call: Callable[[], object]) -> dict[str, Any]:
    """The same of what a call raises."""
    try:
        value = call()
    except ServiceError as error:
        retry = None if error.retry_after_s is None else str(error.retry_after_s)
        told = {"retry": retry, "title": error.title, "detail": error.detail, "code": error.code, **error.extra}
        return {**told, "status": error.status}
    raise AssertionError(f"it was not refused: {value!r}")
