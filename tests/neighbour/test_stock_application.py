"""A stock RQ application beside ours, on the same Redis and the same queue names, leaves what it leaves alone."""

import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.jobs.workbench import until
from tests.neighbour.application import ENDED, QUEUES, statuses, stock_worker
from tests.neighbour.callers import status, submit
from tests.neighbour.conftest import NewRedis
from tests.neighbour.remains import journal, remains
from tests.neighbour.stock import JOURNAL, enqueue_all
from tests.rq.processes import web, worker

OURS = 30
WITHIN_S = 60


Run = Callable[[str], Redis]


@pytest.fixture(scope="module")
def run(new_redis: NewRedis, log: Path) -> Iterator[Run]:
    """The Redis of each run, after it: alone, alone with another price, and beside ours."""
    urls = {name: new_redis() for name in ("alone", "at another price", "beside ours")}
    with ThreadPoolExecutor() as pool:
        ends = {
            "alone": pool.submit(_alone, urls["alone"], log),
            "at another price": pool.submit(_alone, urls["at another price"], log, price=8),
            "beside ours": pool.submit(_beside_ours, urls["beside ours"], log),
        }

        def after(name: str) -> Redis:
            ends[name].result()
            return Redis.from_url(urls[name])

        yield after


def test_it_leaves_beside_ours_what_it_leaves_alone(run: Run) -> None:
    assert remains(run("beside ours")) == remains(run("alone"))


def test_everything_that_it_is_made_of_was_there(run: Run) -> None:
    alone = run("alone")
    found = remains(alone)
    assert statuses(alone) == ENDED
    assert found["journal"]["stock-saved"][-1] == "on_success stock-saved worked at attempt 3"
    assert found["journal"]["stock-lost"][-1] == "on_failure stock-lost no answer at attempt 3"
    assert found["journal"]["stock-dependent"] == ["ran stock-dependent 3 4"]
    assert found["journal"]["stock-too-long"][-1].startswith("on_failure stock-too-long Task exceeded")
    assert len(found["journal"]["in order"]) == 12
    assert found["rq:group:stock-group"]["content"] == ["stock-grouped-0", "stock-grouped-1"]
    assert found["rq:finished:default"]["content"]["stock-told"] == "for ever"
    assert {"rq:failed:default", "rq:deferred:default", "rq:scheduled:default", "rq:canceled:default"} <= {*found}


def test_all_of_ours_ended_too(run: Run) -> None:
    redis = run("beside ours")
    states = [redis.hget(key, "state") for key in redis.scan_iter("rq:pollable:job:*", count=1000)]
    # A worker that pickles takes some of ours again and again, which is a failure with a reason of its own.
    assert len(states) == OURS
    assert {*states} <= {b"succeeded", b"failed"}
    assert b"succeeded" in states


def test_a_run_with_one_other_result_is_told_apart(run: Run) -> None:
    other, ours = remains(run("at another price")), remains(run("alone"))
    assert {key for key in ours if other[key] != ours[key]} == {"rq:job:stock-report", "rq:results:stock-report"}


def _result(redis: Redis) -> None:
    entries: Any = redis.xrange("rq:results:stock-order-3")
    ((entry, values),) = entries
    redis.xdel("rq:results:stock-order-3", entry)
    redis.xadd("rq:results:stock-order-3", {**values, b"return_value": values[b"return_value"][:-2] + b"AA"})


def _traceback(redis: Redis) -> None:
    redis.hset("rq:job:stock-impossible", "exc_info", zlib.compress(b"another"))


TAMPERED: dict[str, Callable[[Redis], Any]] = {
    "a result": _result,
    "a traceback": _traceback,
    "a status": lambda redis: redis.hset("rq:job:stock-never", "status", "queued"),
    "a field more": lambda redis: redis.hset("rq:job:stock-order-1", "retries_left", "0"),
    "a field less": lambda redis: redis.hdel("rq:job:stock-report", "meta"),
    "a moment that never came": lambda redis: redis.hset("rq:job:stock-much-later", "started_at", "2026-01-01"),
    "the next attempts": lambda redis: redis.hset("rq:job:stock-lost", "number_of_retries", "1"),
    "a registry": lambda redis: redis.zrem("rq:failed:default", "stock-lost"),
    "how long a job is kept": lambda redis: redis.expire("rq:job:stock-order-1", 400),
    "how long a job is listed": lambda redis: redis.zadd("rq:finished:default", {"stock-told": 2e9}),
    "when a job is due": lambda redis: redis.zincrby("rq:scheduled:default", -60, "stock-much-later"),
    "a dependent": lambda redis: redis.srem("rq:job:stock-impossible:dependents", "stock-never"),
    "a job that waits": lambda redis: redis.rpush("rq:queue:default", "stock-never"),
    "a job that is gone": lambda redis: redis.delete("rq:job:stock-soon"),
    "the order": lambda redis: redis.lmove(JOURNAL, JOURNAL, "LEFT", "RIGHT"),
    "a callback": lambda redis: redis.lrem(JOURNAL, 0, "on_success stock-told 42"),
    "a callback twice": lambda redis: redis.rpush(JOURNAL, "on_success stock-told 42"),
}


@pytest.mark.parametrize("change", TAMPERED)
def test_whatever_else_is_told_apart(run: Run, change: str) -> None:
    alone = run("alone")
    before = remains(alone)
    kept = {key: (alone.dump(key), _ends_at(alone, key)) for key in alone.scan_iter()}
    TAMPERED[change](alone)
    changed = remains(alone) != before
    alone.flushall()
    for key, (value, ends_at) in kept.items():
        alone.restore(key, ends_at, value, absttl=ends_at > 0)  # type: ignore[arg-type] # redis-py: a dump is bytes
    assert changed
    assert remains(alone) == before


def _ends_at(redis: Redis, key: bytes) -> int:
    """Milliseconds since the epoch; 0 where it has no end."""
    left_ms: Any = redis.pttl(key)
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000 + left_ms if left_ms > 0 else 0


def _alone(redis_url: str, log: Path, **another: int) -> None:
    with Redis.from_url(redis_url) as redis:
        enqueue_all(redis, **another)
        with stock_worker(redis_url, log):
            _comes_to_its_end(redis)


def _beside_ours(redis_url: str, log: Path) -> None:
    """Ours before its jobs and after them, a worker of ours long before its own."""
    settings = {"POLLABLE_JOBS": "tests.neighbour.ours", "POLLABLE_QUEUES": QUEUES, "POLLABLE_FOREIGN_JOBS": "read"}
    with ExitStack() as stack:
        client = stack.enter_context(web(redis_url, log, **settings))
        ids = [submit(client, queue=QUEUES.split(",")[number % 2]) for number in range(OURS // 3)]
        redis = stack.enter_context(Redis.from_url(redis_url))
        enqueue_all(redis)
        # Those that are due later lie in RQ's registry, where the application's own scheduler looks, too.
        ids += [submit(client, queue=QUEUES.split(",")[number % 2], delay=number % 3) for number in range(OURS // 3)]
        stack.enter_context(worker(redis_url, log, **settings))
        until(lambda: status(client, ids[0]), lambda state: state == "succeeded")
        stack.enter_context(stock_worker(redis_url, log))
        ids += [submit(client, queue=QUEUES.split(",")[number % 2], pause_s=0.1) for number in range(OURS // 3)]
        _comes_to_its_end(redis)
        for job_id in ids:
            until(lambda job_id=job_id: status(client, job_id), {"succeeded", "failed"}.__contains__, within_s=WITHIN_S)  # type: ignore[misc]


def _comes_to_its_end(redis: Redis) -> None:
    # A job that is repeated reads as finished in between, too.
    until(lambda: len(journal(redis).get("stock-repeated", [])), lambda number: number == 3, within_s=WITHIN_S)
    until(lambda: statuses(redis), lambda found: found == ENDED, within_s=WITHIN_S)
