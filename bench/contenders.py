"""What Pollable's poll is measured against: a constant answer, and the route that everyone writes by hand."""

import os
from typing import Any

import redis
from rq.exceptions import NoSuchJobError
from rq.job import Job
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pollable.serializer import JSON


async def constant(scope: Scope, _receive: Receive, send: Send) -> None:
    """The most that the server itself can do: one answer, no Redis."""
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"19")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"status":"queued"}'})


def handwritten() -> Starlette:
    """`Job.fetch` in a thread, as the tutorials have it."""
    # The benchmark starts this process and tells it where Redis is.
    connection: redis.Redis = redis.Redis.from_url(os.environ["REDIS_URL"])

    def fetch(job_id: str) -> dict[str, Any]:
        try:
            job = Job.fetch(job_id, connection=connection, serializer=JSON)
        except NoSuchJobError:
            return {"status": None}
        return {"status": job.get_status(refresh=False)}

    async def job_status(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(fetch, request.query_params["job_id"]))

    return Starlette(routes=[Route("/job_status", job_status)])
