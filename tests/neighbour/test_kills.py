"""Killed with -9 in the middle of a job, a stock worker and one of ours each recover as if they were alone."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from redis import Redis

from tests.jobs.workbench import until
from tests.neighbour.application import QUEUES, statuses, stock_worker
from tests.neighbour.callers import read, status, submit
from tests.neighbour.conftest import NewRedis
from tests.neighbour.remains import journal, remains
from tests.neighbour.stock import SECOND, enqueue_long
from tests.rq.processes import web, worker

OURS = {"POLLABLE_JOBS": "tests.neighbour.ours", "POLLABLE_QUEUES": QUEUES}
ENDED = {"stock-killed": "finished", "stock-next": "finished", "stock-after": "finished"}
HALF_WAY = {"stock-killed": "started", "stock-next": "queued", "stock-after": "deferred"}


Runs = dict[str, Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def runs(new_redis: NewRedis, log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """What each of two runs left: half way, when its worker had been killed, and in the end; ours with its job."""
    mark = tmp_path_factory.mktemp("ours") / "mark"
    with ThreadPoolExecutor() as pool:
        alone, beside = pool.submit(_alone, new_redis(), log), pool.submit(_beside_ours, new_redis(), log, mark)
        yield {"alone": alone, "beside ours": beside}


def test_a_killed_worker_of_the_application_is_recovered_from_by_rq(runs: Runs) -> None:
    told = runs["alone"].result()["end"]["journal"]
    assert told["stock-killed"] == ["began stock-killed", "began stock-killed", "ran stock-killed"]


def test_what_a_killed_worker_was_doing_is_left_to_its_own_workers(runs: Runs) -> None:
    assert runs["beside ours"].result()["half way"] == runs["alone"].result()["half way"]


def test_the_application_recovers_beside_ours_as_it_does_alone(runs: Runs) -> None:
    assert runs["beside ours"].result()["end"] == runs["alone"].result()["end"]


def test_our_job_runs_again_after_its_worker_was_killed(runs: Runs) -> None:
    job = runs["beside ours"].result()["job"]
    assert (job["status"], job["attempts"], job["result"]) == ("succeeded", 2, "done")


def _alone(redis_url: str, log: Path) -> dict[str, Any]:
    with Redis.from_url(redis_url) as redis:
        enqueue_long(redis)
        half_way = _half_way(redis, redis_url, log)
        with stock_worker(redis_url, log):
            until(lambda: statuses(redis), lambda found: found == ENDED)
        return {"half way": half_way, "end": remains(redis)}


def _beside_ours(redis_url: str, log: Path, mark: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        redis = stack.enter_context(Redis.from_url(redis_url))
        client = stack.enter_context(web(redis_url, log, **OURS))
        enqueue_long(redis)
        with worker(redis_url, log, **OURS) as process:
            job_id = submit(client, queue=SECOND, pause_s=2, mark=str(mark))
            until(mark.exists, bool)
            _kill_family(process)
        half_way = _half_way(redis, redis_url, log)
        stack.enter_context(worker(redis_url, log, **OURS))
        until(lambda: status(client, job_id), lambda state: state == "succeeded")
        _same(half_way, remains(redis))
        with stock_worker(redis_url, log):
            until(lambda: statuses(redis), lambda found: found == ENDED)
        return {"half way": half_way, "end": remains(redis), "job": read(client, job_id)}


def _half_way(redis: Redis, redis_url: str, log: Path) -> dict[str, Any]:
    """Kill a stock worker in the middle of its job, and let RQ's heartbeat of a minute be over at once."""
    with stock_worker(redis_url, log) as process:
        until(lambda: journal(redis).get("stock-killed"), bool)
        _kill_family(process)
    assert statuses(redis) == HALF_WAY
    executions: Any = redis.zrange(f"rq:wip:{SECOND}", 0, -1)
    (execution,) = (each for each in executions if each.startswith(b"stock-"))
    redis.zadd(f"rq:wip:{SECOND}", {execution: 1})
    return remains(redis)


def _same(half_way: dict[str, Any], later: dict[str, Any]) -> None:
    assert later == half_way, "ours touched what a killed worker of the application had left"


def _kill_family(process: "Popen[bytes]") -> None:
    """The worker and all that it started: a horse leads a group of its own."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    for pid in (process.pid, *map(int, listed.split())):
        os.kill(pid, signal.SIGKILL)
    process.wait()
