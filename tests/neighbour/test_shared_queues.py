"""Our worker on queues of others: it takes ours, wherever they stand, and leaves all else in its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from rq import Queue

from tests.jobs.workbench import until
from tests.neighbour.callers import read, status, submit
from tests.neighbour.remains import remains
from tests.neighbour.stock import add, flaky
from tests.rq.processes import ended, finished, web, worker

OURS = {"POLLABLE_JOBS": "tests.neighbour.ours", "POLLABLE_QUEUES": "high,default,low"}
UNFIT = {
    "that pickles": ((), "tests.neighbour.ours", "--serializer pollable.serializer.JSON"),
    "without job types": (("--serializer", "json"), "", "POLLABLE_JOBS"),
}


@pytest.fixture
def client(url: str, log: Path) -> Iterator[httpx.Client]:
    with web(url, log, **OURS) as made:
        yield made


def theirs(redis: Redis, number: int, *, serializer: str = "pickle") -> str:
    """A job of others at the end of the queue."""
    queue = Queue("default", connection=redis, serializer=serializer)
    return str(queue.enqueue(add, number, 1, job_id=f"stock-{number}", result_ttl=500).id)


def left(redis: Redis) -> list[str]:
    ids: Any = redis.lrange("rq:queue:default", 0, -1)
    return [each.decode() for each in ids]


@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_what_is_not_ours_stays_in_its_place_and_as_it_is(
    url: str, redis: Redis, client: httpx.Client, log: Path, serializer: str
) -> None:
    expected, ours = [], []
    for number in range(40):
        expected.append(theirs(redis, number, serializer=serializer))
        if number % 10 == 5:
            ours.append(submit(client))
    before = remains(redis)
    with worker(url, log, **OURS):
        for job_id in ours:
            until(lambda job_id=job_id: status(client, job_id), lambda state: state == "succeeded")  # type: ignore[misc]
    assert left(redis) == expected
    assert remains(redis) == before


def test_ours_run_in_their_own_order_from_behind_a_thousand_others(
    url: str, redis: Redis, client: httpx.Client, log: Path, tmp_path: Path
) -> None:
    expected = [theirs(redis, number) for number in range(1000)]
    ours = [submit(client, mark=str(tmp_path / "mark")) for _ in range(5)]
    with worker(url, log, **OURS):
        for job_id in ours:
            until(lambda job_id=job_id: status(client, job_id), lambda state: state == "succeeded")  # type: ignore[misc]
    begun = [str(read(client, job_id)["startedAt"]) for job_id in ours]
    assert begun == sorted(begun)
    assert left(redis) == expected


def test_a_job_that_nobody_can_read_stays_too(url: str, redis: Redis, client: httpx.Client, log: Path) -> None:
    job_id = theirs(redis, 1)
    redis.hset(f"rq:job:{job_id}", mapping={"data": b"\x80 no data", "created_at": "yesterday"})
    redis.rpush("rq:queue:default", "there-is-no-such-job")
    before = redis.hgetall(f"rq:job:{job_id}")
    ours = submit(client)
    with worker(url, log, **OURS):
        until(lambda: status(client, ours), lambda state: state == "succeeded")
    assert left(redis) == [job_id, "there-is-no-such-job"]
    assert redis.hgetall(f"rq:job:{job_id}") == before


def test_retries_and_schedules_of_others_are_left_to_their_own_scheduler(
    url: str, redis: Redis, client: httpx.Client, log: Path
) -> None:
    queue = Queue("default", connection=redis)
    queue.enqueue(flaky, 2, job_id="stock-due")
    redis.lrem("rq:queue:default", 0, "stock-due")
    redis.hset("rq:job:stock-due", "status", "scheduled")
    redis.zadd("rq:scheduled:default", {"stock-due": 1})
    redis.zadd("rq:wip:default", {"stock-lost:1": 1})
    before = remains(redis)
    ours = submit(client, delay=1)
    with worker(url, log, **OURS):
        until(lambda: status(client, ours), lambda state: state == "succeeded")
    assert remains(redis) == before


@pytest.mark.parametrize("kind", UNFIT)
def test_a_job_that_a_stock_worker_cannot_run_fails_with_what_is_wrong_with_it(
    url: str, redis: Redis, client: httpx.Client, log: Path, kind: str
) -> None:
    options, jobs, advice = UNFIT[kind]
    job_id = submit(client)
    command = ("rq", "worker", "--burst", *options, "-u", url, "default")
    job = until(
        lambda: read(client, job_id),
        lambda job: job["status"] != "queued",
        within_s=40,
        meanwhile=lambda: ended(url, *command, POLLABLE_JOBS=jobs),
    )
    error: Any = job["error"]
    assert (job["status"], job["attempts"], error["code"]) == ("failed", 0, "unfit_worker")
    assert advice in error["message"]
    assert left(redis) == []
    log.write_text(str(job))


def test_a_stock_worker_with_the_right_settings_is_fit(url: str, redis: Redis, client: httpx.Client) -> None:
    job_ids = [submit(client) for _ in range(7)]
    theirs(redis, 1, serializer="json")
    options = ("--serializer", "pollable.serializer.JSON", "-u", url, "default")
    finished(url, "rq", "worker", "--burst", *options, POLLABLE_JOBS="tests.neighbour.ours")
    assert [status(client, job_id) for job_id in job_ids] == ["succeeded"] * 7
    assert redis.hget("rq:job:stock-1", "status") == b"finished"
