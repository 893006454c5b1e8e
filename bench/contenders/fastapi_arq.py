"""FastAPI and arq: a pool that the lifespan opens, `Job.info` and `Job.status` in an `async def` route."""

import os
from contextlib import asynccontextmanager

from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job, JobStatus
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

REDIS = RedisSettings.from_dsn(os.environ["REDIS_URL"])


async def repeat(_context: dict, size: int) -> dict[str, str]:
    """As many letters as were ordered."""
    return {"text": "x" * size}


class WorkerSettings:
    """What `arq fastapi_arq.WorkerSettings` runs."""

    functions = (repeat,)
    redis_settings = REDIS


@asynccontextmanager
async def lifespan(app: FastAPI):
    """The pool."""
    app.state.pool = await create_pool(REDIS)
    yield
    await app.state.pool.aclose()


app = FastAPI(lifespan=lifespan)


class Order(BaseModel):
    """What is submitted."""

    size: int


@app.post("/jobs", status_code=202)
async def submit(order: Order) -> dict:
    """Queue the task."""
    job = await app.state.pool.enqueue_job("repeat", order.size)
    return {"job_id": job.job_id}


@app.get("/jobs/{job_id}")
async def status(job_id: str) -> dict:
    """Its status, and its result once there is one."""
    job = Job(job_id, app.state.pool)
    state = await job.status()
    if state is JobStatus.not_found:
        raise HTTPException(404, "Job not found")
    ended = await job.result_info() if state is JobStatus.complete else None
    return {"job_id": job_id, "status": state, "result": ended.result if ended else None}
