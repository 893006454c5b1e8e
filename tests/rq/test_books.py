"""RQ's books of a job, key by key and field by field: under a worker of ours, and under a stock `rq worker`."""

import json
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from pollable.model import State
from tests.jobs.workbench import Workbench, until
from tests.rq.processes import BIN, running, worker

OURS = {"a process for each job": (), "several jobs a process": ("--jobs-per-process", "9"), "simple": ("--simple",)}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SECONDS = re.compile(r"1\d{9}(\.\d+)?")
# Of the worker itself: who it is, and what only one of the two says.
OF_THE_WORKER = {"pid", "hostname", "ip_address", "version", "python_version", "queues", "pollable"}
# Under a stock worker our code tells RQ that no retry is left, of a job that was never to be retried.
OF_RETRIES = {"rq:job:<job> retries_left", "rq:job:<job> retry_intervals"}
# RQ's own maintenance, which our workers leave alone.
NOT_OF_JOBS = ("rq:pollable:", "rq:clean_", "rq:workers", "rq:queues", "rq:scheduler")


def worked(redis_url: str, log: Path, who: str) -> AbstractContextManager[Any]:
    if who == "stock":
        command = ("worker", "--serializer", "pollable.serializer.JSON", "-u", redis_url, "pollable")
        return running(redis_url, [BIN / "rq", *command], log)
    return worker(redis_url, log, *OURS[who])


def books(redis: Any, job_id: str) -> dict[str, Any]:
    """Every key of RQ's; ids, names and times by what they are."""
    known = {job_id: "<job>"} | dict.fromkeys(_workers(redis), "<worker>")
    for key in redis.scan_iter("rq:executions:*"):
        known |= {execution.decode(): "<execution>" for execution in redis.zrange(key, 0, -1)}
    for result in redis.xrange(f"rq:results:{job_id}"):
        known[result[1][b"execution_id"].decode()] = "<execution>"

    def plain(value: Any) -> str:
        text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
        for name, word in known.items():
            text = text.replace(name, word)
        return SECONDS.sub("<seconds>", TIME.sub("<time>", text))

    found: dict[str, Any] = {}
    for raw in redis.scan_iter("rq:*"):
        key = raw.decode()
        if not key.startswith(NOT_OF_JOBS):
            found |= {f"{plain(key)} {plain(name)}": plain(value) for name, value in _content(redis, key).items()}
    return found


def lives(redis: Any, job_id: str) -> dict[str, int]:
    """Seconds that the keys of the job and of its worker have."""
    (name,) = _workers(redis)
    keys = [key.decode() for key in redis.scan_iter(f"rq:*{job_id}*")] + [f"rq:worker:{name}:executions"]
    # The id of an execution comes last, behind that of its job.
    return {
        re.sub("(?<=<job>):.*", ":<execution>", key.replace(job_id, "<job>").replace(name, "<worker>")): redis.ttl(key)
        for key in keys
        if not key.startswith(NOT_OF_JOBS)
    }


def _workers(redis: Any) -> list[str]:
    return [key.decode().removeprefix("rq:worker:") for key in redis.smembers("rq:workers")]


def _content(redis: Any, key: str) -> dict[Any, Any]:
    match redis.type(key):
        case b"hash":
            fields = {name: value for name, value in redis.hgetall(key).items() if name.decode() not in OF_THE_WORKER}
            # How long it worked differs; that it did does not.
            return fields | ({b"total_working_time": "some"} if b"total_working_time" in fields else {})
        case b"zset":
            return dict(redis.zrange(key, 0, -1, withscores=True))
        case b"set":
            return dict.fromkeys(redis.smembers(key), "")
        case b"stream":
            return {str(number): sorted(fields.items()) for number, (_, fields) in enumerate(redis.xrange(key))}
        case b"list":
            return dict(enumerate(redis.lrange(key, 0, -1)))
    return {"": redis.get(key)}


def ended(bench: Workbench, redis_url: str, log: Path, who: str, payload: dict[str, Any], name: str) -> Any:
    """RQ's books after a job of that kind, and the lives of its keys, and the same in the middle of it."""
    bench.redis.flushall()
    job_id = bench.submit(bench.catalog.get(name), payload=json.dumps(payload).encode(), context=b'{"p":"1"}').id
    with worked(redis_url, log, who):
        until(lambda: bench.read(job_id).progress, lambda progress: progress == 50)
        during = books(bench.redis, job_id), lives(bench.redis, job_id)
        until(lambda: bench.read(job_id), lambda job: job.state.is_final)
        until(
            lambda: bench.redis.hget(f"rq:worker:{_workers(bench.redis)[0]}", "state"), lambda state: state == b"idle"
        )
        after = books(bench.redis, job_id), lives(bench.redis, job_id)
        assert bench.read(job_id).state is State.SUCCEEDED
    return *during, *after


@pytest.fixture(scope="module")
def stock() -> dict[str, Any]:
    """What a stock worker left, by result; filled by the first who asks."""
    return {}


@pytest.mark.parametrize("who", OURS)
@pytest.mark.parametrize("size", [3, 10_000], ids=["small result", "large result"])
def test_every_key_is_as_a_stock_worker_leaves_it(
    bench: Workbench, redis_url: str, log: Path, stock: dict[str, Any], who: str, size: int
) -> None:
    payload = {"number": 21, "pause_s": 0.7, "size": size}
    if str(size) not in stock:
        stock[str(size)] = ended(bench, redis_url, log, "stock", payload, "double")
    their_during, their_lives, their_after, their_later = stock[str(size)]
    during, living, after, later = ended(bench, redis_url, log, who, payload, "double")
    assert during == their_during
    assert after == {name: value for name, value in their_after.items() if name not in OF_RETRIES}
    near = 3 if who != "simple" else 10_000  # SimpleWorker's are as long as the job may take.
    assert living.keys() == their_lives.keys()
    assert {key: ttl for key, ttl in living.items() if abs(ttl - their_lives[key]) > near} == {}
    assert later.keys() == their_later.keys()
    assert {key: ttl for key, ttl in later.items() if abs(ttl - their_later[key]) > 400} == {}
