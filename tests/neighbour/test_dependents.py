"""Jobs of other code that wait for one of ours are handed over when it has ended, and are not touched otherwise."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from rq import Queue
from rq.job import Dependency

from tests.jobs.workbench import until
from tests.neighbour.callers import status, submit
from tests.neighbour.conftest import NewRedis
from tests.neighbour.stock import add
from tests.rq.processes import finished, web, worker

OURS = {"POLLABLE_JOBS": "tests.neighbour.ours"}
MOVED = {b"status", b"enqueued_at", b"last_heartbeat"}
"""What RQ itself writes into a hash when it puts a job that waited into its queue."""


@pytest.fixture(scope="module")
def url(new_redis: NewRedis) -> str:
    return new_redis()


@pytest.fixture(scope="module")
def redis(url: str) -> Iterator[Redis]:
    with Redis.from_url(url) as client:
        yield client


@pytest.fixture(scope="module")
def client(url: str, log: Path) -> Iterator[httpx.Client]:
    with ExitStack() as stack:
        stack.enter_context(worker(url, log, **OURS))
        yield stack.enter_context(web(url, log, **OURS))


def waiting_for(redis: Redis, depends_on: Any, job_id: str) -> dict[bytes, bytes]:
    """Enqueue, as other code does, with pickle; the hash while it waits."""
    Queue("theirs", connection=redis).enqueue(add, 20, 22, depends_on=depends_on, job_id=job_id)
    return hash_of(redis, job_id)


def hash_of(redis: Redis, job_id: str) -> dict[bytes, bytes]:
    values: Any = redis.hgetall(f"rq:job:{job_id}")
    return dict(values)


def unmoved(values: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: value for name, value in values.items() if name not in MOVED}


def queued(redis: Redis) -> list[bytes]:
    ids: Any = redis.lrange("rq:queue:theirs", 0, -1)
    return list(ids)


@pytest.mark.parametrize("pause_s", [0, 1], ids=["soon", "after a while"])
def test_a_dependent_is_queued_when_our_job_has_succeeded(
    client: httpx.Client, redis: Redis, url: str, pause_s: int
) -> None:
    ours, theirs = submit(client, pause_s=pause_s, delay=1), f"stock-after-{pause_s}"
    before = waiting_for(redis, ours, theirs)
    assert (before[b"status"], redis.zscore("rq:deferred:theirs", theirs) is None) == (b"deferred", False)
    until(lambda: queued(redis), lambda ids: ids == [theirs.encode()])
    assert status(client, ours) == "succeeded"
    after = hash_of(redis, theirs)
    assert (unmoved(after), after[b"status"]) == (unmoved(before), b"queued")
    assert redis.zscore("rq:deferred:theirs", theirs) is None
    finished(url, "rq", "worker", "--burst", "-u", url, "theirs")
    assert hash_of(redis, theirs)[b"status"] == b"finished"


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_a_dependent_waits_on_where_our_job_did_not_succeed(client: httpx.Client, redis: Redis, ending: str) -> None:
    ours, theirs = submit(client, "hopeless", needs="/no/such/file", delay=1), f"stock-never-{ending}"
    before = waiting_for(redis, ours, theirs)
    if ending == "cancelled":
        client.post(f"/jobs/{ours}/cancel")
    until(lambda: status(client, ours), lambda state: state == ending)
    # What comes after it in the same queue shows that the worker has gone on.
    later = submit(client)
    until(lambda: status(client, later), lambda state: state == "succeeded")
    assert hash_of(redis, theirs) == before
    assert redis.zscore("rq:deferred:theirs", theirs) is not None


def test_a_dependent_that_allows_failure_is_queued_when_our_job_has_failed(client: httpx.Client, redis: Redis) -> None:
    ours = submit(client, "hopeless", needs="/no/such/file", delay=1)
    before = waiting_for(redis, Dependency(jobs=[ours], allow_failure=True), "stock-anyway")
    until(lambda: queued(redis), lambda ids: ids == [b"stock-anyway"])
    assert unmoved(hash_of(redis, "stock-anyway")) == unmoved(before)


def test_a_dependent_of_two_waits_for_both(client: httpx.Client, redis: Redis) -> None:
    redis.delete("rq:queue:theirs")
    first, second = submit(client, delay=1), submit(client, delay=3)
    waiting_for(redis, [first, second], "stock-both")
    until(lambda: status(client, first), lambda state: state == "succeeded")
    if status(client, second) == "scheduled":
        assert queued(redis) == []
    until(lambda: queued(redis), lambda ids: ids == [b"stock-both"])
    assert status(client, second) == "succeeded"
