"""A queue that is emptied in RQ: thousands of callers read `cancelled` within seconds, and nobody else does."""

import asyncio
import time
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue

from bench.emptying import settled_s, submitted
from pollable.serializer import JSON
from tests.jobs.workbench import until
from tests.neighbour.callers import status, submit
from tests.rq.processes import finished, web

JOBS = 5000
WITHIN_S = 10.0
OURS = {"POLLABLE_JOBS": "tests.neighbour.ours", "POLLABLE_LEASE_S": "6"}


@pytest.mark.parametrize("way", ["Queue.empty()", "rq empty", "Queue.delete()"])
def test_thousands_of_jobs_are_settled_within_seconds(url: str, redis: Redis, log: Path, way: str) -> None:
    asyncio.run(submitted(url, JOBS))
    with web(url, log, **OURS) as client:
        other, delayed = submit(client, queue="pollable-low"), submit(client, delay=3600)
        queue = Queue("pollable", connection=redis, serializer=JSON)
        if way == "rq empty":
            finished(url, "rq", "empty", "-u", url, "pollable")
        else:
            getattr(queue, way.removeprefix("Queue.").removesuffix("()"))()
        assert settled_s(redis, JOBS, within_s=WITHIN_S) < WITHIN_S
        assert (status(client, other), status(client, delayed)) == ("queued", "scheduled")


def test_what_is_submitted_after_the_emptying_stays(url: str, redis: Redis, log: Path) -> None:
    asyncio.run(submitted(url, 200))
    with web(url, log, **OURS) as client:
        Queue("pollable", connection=redis, serializer=JSON).delete()
        later = [submit(client) for _ in range(20)]
        settled_s(redis, 200, within_s=WITHIN_S)
        over = time.monotonic() + 5
        until(time.monotonic, lambda now: now > over)
        assert {status(client, job_id) for job_id in later} == {"queued"}
