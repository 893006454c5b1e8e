"""FastAPI and Celery: `AsyncResult` in a plain `def` route, which FastAPI runs in a thread."""

from celery.result import AsyncResult
from celery_tasks import app as celery
from celery_tasks import repeat
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Order(BaseModel):
    """What is submitted."""

    size: int


@app.post("/jobs", status_code=202)
def submit(order: Order) -> dict:
    """Queue the task."""
    return {"job_id": repeat.delay(order.size).id}


@app.get("/jobs/{job_id}")
def status(job_id: str) -> dict:
    """Its status, and its result once there is one."""
    task = AsyncResult(job_id, app=celery)
    return {"job_id": job_id, "status": task.status, "result": task.result}
