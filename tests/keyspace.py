"""Keys that only the scripts and RQ build, in the tests' own words."""

import json

import redis

from pollable.storage import keys

LEASES = "rq:pollable:leases"


def pending(queue: str) -> str:
    return f"rq:pollable:pending:{queue}"


def rq_job(job_id: str) -> str:
    return f"rq:job:{job_id}"


def put_into_project(client: redis.Redis, job_id: str, project_id: str) -> None:
    """As if it had come by a route of the project's, whatever its type: so that `agent` shows it."""
    client.hset(keys.record(job_id), "context", json.dumps({"projectId": project_id}, separators=(",", ":")))
