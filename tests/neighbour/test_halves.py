"""RQ's own operations are several steps: what a caller reads between two of them stays true after the last."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.jobs.workbench import until
from tests.neighbour.callers import read, status, submit
from tests.neighbour.conftest import NewRedis
from tests.rq.processes import web

OURS = {"POLLABLE_JOBS": "tests.neighbour.ours"}


@pytest.fixture(scope="module")
def redis(new_redis: NewRedis) -> Iterator[Redis]:
    with Redis.from_url(new_redis()) as client:
        yield client


@pytest.fixture(scope="module")
def client(redis: Redis, log: Path) -> Iterator[httpx.Client]:
    url = f"unix://{redis.connection_pool.connection_kwargs['path']}"
    with web(url, log, **OURS) as made:
        yield made


def submitted(client: httpx.Client, state: str) -> str:
    return submit(client, delay=3600) if state == "delayed" else submit(client)


def taken_out(redis: Redis, job_id: str) -> None:
    """The first step of `Job.delete()`: out of the list, out of the registry."""
    redis.lrem("rq:queue:pollable", 1, job_id)
    redis.zrem("rq:scheduled:pollable", job_id)


@pytest.mark.parametrize("state", ["waiting", "delayed"])
def test_a_job_that_read_cancelled_half_way_through_a_delete_stays_cancelled(
    client: httpx.Client, redis: Redis, state: str
) -> None:
    job_id = submitted(client, state)
    taken_out(redis, job_id)
    half_way: dict[str, Any] = until(lambda: read(client, job_id), lambda job: job["status"] == "cancelled")
    redis.delete(f"rq:job:{job_id}")
    later = submit(client, delay=3600)
    redis.delete(f"rq:job:{later}")
    # By the time that another word has been heard, the reaper has seen this one too.
    until(lambda: status(client, later), lambda seen: seen == "cancelled")
    after = read(client, job_id)
    assert {**after, "expiresAt": None} == {**half_way, "expiresAt": None}


@pytest.mark.parametrize("state", ["waiting", "delayed"])
def test_a_job_that_was_read_after_a_whole_delete_reads_the_same(
    client: httpx.Client, redis: Redis, state: str
) -> None:
    job_id = submitted(client, state)
    taken_out(redis, job_id)
    redis.delete(f"rq:job:{job_id}")
    assert status(client, job_id) == "cancelled"
    later = submit(client, delay=3600)
    redis.delete(f"rq:job:{later}")
    until(lambda: status(client, later), lambda seen: seen == "cancelled")
    assert status(client, job_id) == "cancelled"


@pytest.mark.parametrize("state", ["waiting", "delayed"])
def test_a_cancel_whose_registries_come_later_reads_the_same(client: httpx.Client, redis: Redis, state: str) -> None:
    job_id = submitted(client, state)
    redis.hset(f"rq:job:{job_id}", "status", "canceled")
    assert status(client, job_id) == "cancelled"
    taken_out(redis, job_id)
    redis.zadd("rq:canceled:pollable", {job_id: -1})
    assert status(client, job_id) == "cancelled"
