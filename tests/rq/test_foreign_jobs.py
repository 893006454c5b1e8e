"""What plain RQ programs enqueue and plain RQ workers run, read as it happens."""

import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rq import Queue, Retry, SimpleWorker
from rq.registry import StartedJobRegistry

from pollable.model import Failure, Job, State
from tests.jobs.workbench import Workbench, until, with_settings
from tests.rq import plainjobs
from tests.rq.processes import BIN, finished, running

KEPT: Mapping[str, Any] = {"result_ttl": 60, "failure_ttl": 60}


def queue_of(bench: Workbench, serializer: str) -> Queue:
    return Queue("theirs", connection=bench.redis, serializer=serializer)


def run(bench: Workbench, redis_url: str, serializer: str, jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Job]:
    """Every job enqueued, run to its end by `rq worker`, and read."""
    queue = queue_of(bench, serializer)
    options: dict[str, dict[str, Any]] = {
        "slow": {"job_timeout": 1},
        "retried": {"retry": Retry(2, [0, 0])},
        "retried at once": {"retry": Retry(2)},
    }
    ids = {name: queue.enqueue(job, **KEPT, **options.get(name, {})).id for name, job in jobs.items()}
    finished(redis_url, "rq", "worker", "--burst", "--serializer", serializer, "-u", redis_url, "theirs")
    return {name: bench.read(job_id) for name, job_id in ids.items()}


def result_of(job: Job) -> Any:
    assert (job.state, job.error) == (State.SUCCEEDED, None)
    return json.loads(job.result or b"")


RESULTS = {
    "answer": plainjobs.answer,
    "data": plainjobs.data,
    "model": plainjobs.model,
    "nothing": plainjobs.nothing,
    "unstorable": plainjobs.unstorable,
}
DATA = {
    "at": "2026-01-02T03:04:05Z",
    "price": "1.50",
    "id": "00000000-0000-0000-0000-000000000005",
    "tags": ["a", "b"],
    "raw": "AA==",
}


def code_of(job: Job) -> tuple[State, str | None]:
    return job.state, job.error.code if job.error else None


def test_json_results_are_read(bench: Workbench, redis_url: str) -> None:
    read = run(bench, redis_url, "json", RESULTS)
    assert result_of(read["answer"]) == plainjobs.answer()
    assert result_of(read["nothing"]) is None
    for name in ("data", "model", "unstorable"):
        assert code_of(read[name]) == (State.FAILED, "result_unserializable")
        assert read[name].rq_status == "failed"


@pytest.mark.parametrize("mode", ["read", "read-data"])
def test_pickled_results_are_read_as_data_where_that_is_on(bench: Workbench, redis_url: str, mode: str) -> None:
    with_settings(bench, foreign_jobs=mode)
    read = run(bench, redis_url, "pickle", RESULTS)
    assert result_of(read["nothing"]) is None
    assert code_of(read["unstorable"]) == (State.FAILED, "result_unserializable")
    assert code_of(read["model"]) == (State.SUCCEEDED, "result_unreadable")
    if mode == "read-data":
        assert result_of(read["answer"]) == plainjobs.answer()
        assert result_of(read["data"]) == DATA
        assert "it names tests.rq.plainjobs.User" in str(read["model"].error)
    else:
        assert code_of(read["answer"]) == code_of(read["data"]) == (State.SUCCEEDED, "result_unreadable")


FAILING = {
    "invalid": plainjobs.invalid,
    "several": plainjobs.several,
    "chained": plainjobs.chained,
    "slow": plainjobs.slow,
    "killed": plainjobs.killed,
    "reporting": plainjobs.reporting,
    "retried": plainjobs.chained,
    "retried at once": plainjobs.chained,
    "asks again": plainjobs.asks_again,
}


@pytest.mark.parametrize("expose", [True, False], ids=["exposed", "hidden"])
def test_failures_are_told(bench: Workbench, redis_url: str, expose: bool) -> None:
    with_settings(bench, expose_errors=expose)
    read = run(bench, redis_url, "json", FAILING)
    assert {job.state for job in read.values()} == {State.FAILED}
    assert {name: job.error and job.error.code for name, job in read.items()} == {
        **dict.fromkeys(FAILING, "exception"), "slow": "timeout", "killed": "killed",
    }  # fmt: skip
    told = {name: job.error.message for name, job in read.items() if job.error}
    assert told["invalid"] == (
        "The job failed: ValidationError. 2 validation errors for User"
        if expose
        else "The job failed: ValidationError."
    )
    assert told["several"] == (
        "The job failed: ExceptionGroup. 2 pages failed (2 sub-exceptions)"
        if expose
        else "The job failed: ExceptionGroup."
    )
    assert told["chained"] == (
        "The job failed: ConnectionError. no route" if expose else "The job failed: ConnectionError."
    )
    assert (read["reporting"].progress, read["reporting"].message) == (40, "page 3")
    assert (read["chained"].attempts, read["chained"].max_attempts) == (1, 1)
    assert (read["retried"].attempts, read["retried"].max_attempts) == (3, 3)
    assert (read["asks again"].attempts, read["asks again"].max_attempts) == (3, 3)
    # RQ does not keep of how many retries none is left.
    assert (read["retried at once"].attempts, read["retried at once"].max_attempts) == (2, 2)


def test_a_job_whose_worker_died_is_stalled_once_rq_takes_it_for_lost(
    bench: Workbench, redis_url: str, log: Path
) -> None:
    queue = queue_of(bench, "json")
    theirs = queue.enqueue(plainjobs.slow, **KEPT)
    command: list[str | Path] = [BIN / "rq", "worker", "--serializer", "json", "-u", redis_url, "theirs"]
    with running(redis_url, command, log) as process:
        job = until(lambda: bench.read(theirs.id), lambda job: job.state is State.RUNNING)
        assert (job.stalled_reason, job.attempts) == (None, 1)
        # The horse leads a group of its own, so that the worker can kill it.
        horses = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (*map(int, horses), process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()
    registry = StartedJobRegistry("theirs", connection=bench.redis, serializer="json")
    entries: Any = bench.redis.zrange(registry.key, 0, -1)
    # As time would do it, a minute and a half later.
    bench.redis.zadd(registry.key, dict.fromkeys(entries, 1))
    assert bench.read(theirs.id).stalled
    registry.cleanup()
    assert bench.read(theirs.id).error == Failure("worker_lost", "The worker that ran the job was lost.")


def test_a_simple_workers_long_job_is_not_stalled(bench: Workbench) -> None:
    seen: list[Job] = []
    queue = queue_of(bench, "json")
    theirs = queue.enqueue(plainjobs.nothing, job_timeout=600, **KEPT)

    class Watched(SimpleWorker):
        def perform_job(self, job: Any, queue: Any, execution: Any) -> bool:
            self.prepare_job_execution(job)
            bench.redis.hset(job.key, "last_heartbeat", "2026-01-02T03:04:05.000000Z")
            seen.append(bench.read(theirs.id))
            return super().perform_job(job, queue, execution)

    Watched([queue], connection=bench.redis, serializer="json").work(burst=True, logging_level="WARNING")
    assert [(job.state, job.stalled) for job in seen] == [(State.RUNNING, False)]
