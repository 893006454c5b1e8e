"""FastAPI and RQ: `Job.fetch` in a plain `def` route, which FastAPI runs in a thread."""

import os

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq_tasks import repeat

app = FastAPI()
connection = Redis.from_url(os.environ["REDIS_URL"])
queue = Queue(connection=connection)


class Order(BaseModel):
    """What is submitted."""

    size: int


@app.post("/jobs", status_code=202)
def submit(order: Order) -> dict:
    """Queue the task."""
    job = queue.enqueue(repeat, order.size, result_ttl=3600)
    return {"job_id": job.id}


@app.get("/jobs/{job_id}")
def status(job_id: str) -> dict:
    """Its status, and its result once there is one."""
    try:
        job = Job.fetch(job_id, connection=connection)
    except NoSuchJobError:
        raise HTTPException(404, "Job not found") from None
    return {"job_id": job.id, "status": job.get_status(), "result": job.return_value()}
