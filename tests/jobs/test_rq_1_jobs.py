"""Hashes as RQ 1.0 to 1.11 wrote them: result and traceback in the hash, no stream beside it, no retries counted."""

import json
import pickle
import time
import zlib
from typing import Any

import pytest

from pollable.model import Failure, State
from tests.jobs.workbench import Workbench, with_settings

JOB_ID = "nightly:report|42"
TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3.7/site-packages/rq/worker.py", line 822, in perform_job
    rv = job.perform()
  File "./reports.py", line 7, in build
    raise ValueError("page 3 is blank")
ValueError: page 3 is blank
"""
STARTED: dict[str, Any] = {
    "created_at": "2019-01-02T03:04:05Z",
    "data": zlib.compress(pickle.dumps(("reports.build", None, (42,), {}), 4)),
    "origin": "theirs",
    "description": "reports.build(42)",
    "enqueued_at": "2019-01-02T03:04:06.789000Z",
    "started_at": "2019-01-02T03:04:07.000000Z",
    "ended_at": "",
    "timeout": 180,
    "result_ttl": 500,
    "status": "started",
}
FINISHED = {**STARTED, "status": "finished", "ended_at": "2019-01-02T03:04:09.000000Z"}
FAILED = {**FINISHED, "status": "failed"}


def written(bench: Workbench, fields: dict[str, Any]) -> None:
    bench.redis.hset(f"rq:job:{JOB_ID}", mapping=fields)  # type: ignore[arg-type] # texts, bytes and numbers
    bench.redis.expire(f"rq:job:{JOB_ID}", 600)


@pytest.fixture(autouse=True)
def _foreign_jobs_are_read(bench: Workbench) -> None:
    with_settings(bench, foreign_jobs="read-data")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_result_is_read(bench: Workbench, protocol: int) -> None:
    written(bench, {**FINISHED, "result": pickle.dumps({"pages": 3, "ü": b"\xff"}, protocol)})
    job = bench.read(JOB_ID)
    assert (job.id, job.type, job.state, job.queue) == (JOB_ID, "reports.build", State.SUCCEEDED, "theirs")
    assert json.loads(job.result or b"") == {"pages": 3, "ü": "/w=="}
    assert (job.created_at, job.started_at, job.ended_at) == (1_546_398_245_000, 1_546_398_247_000, 1_546_398_249_000)
    assert (job.attempts, job.max_attempts, job.progress) == (1, 1, 100)


def test_a_result_of_none_was_not_kept(bench: Workbench) -> None:
    written(bench, FINISHED)
    assert bench.read(JOB_ID).result == b"null"


@pytest.mark.parametrize("protocol", [None, *range(pickle.HIGHEST_PROTOCOL + 1)], ids=str)
@pytest.mark.parametrize("mode", ["read", "read-data"])
def test_what_could_not_be_stored_is_told(bench: Workbench, protocol: int | None, mode: str) -> None:
    with_settings(bench, foreign_jobs=mode)
    text = "Unserializable return value"
    written(bench, {**FINISHED, "result": text if protocol is None else pickle.dumps(text, protocol)})
    job = bench.read(JOB_ID)
    assert (job.state, job.error and job.error.code) == (State.FAILED, "result_unserializable")


@pytest.mark.parametrize(
    "value",
    [["Unserializable return value"], "Unserializable return value!", {"a": "Unserializable return value"}],
    ids=repr,
)
def test_what_only_holds_that_text_is_a_result(bench: Workbench, value: Any) -> None:
    for encoded in (pickle.dumps(value), json.dumps(value).encode()):
        written(bench, {**FINISHED, "result": encoded})
        assert json.loads(bench.read(JOB_ID).result or b"") == value


@pytest.mark.parametrize("kept", [zlib.compress(TRACEBACK.encode()), TRACEBACK], ids=["compressed", "as it is"])
def test_a_traceback_is_read(bench: Workbench, kept: Any) -> None:
    with_settings(bench, expose_errors=True)
    written(bench, {**FAILED, "exc_info": kept})
    assert bench.read(JOB_ID).error == Failure("exception", "The job failed: ValueError. page 3 is blank")


def test_a_traceback_of_gigabytes_is_not_unpacked_whole(bench: Workbench) -> None:
    bomb = zlib.compress(b"ValueError: first\n" + bytes(100_000_000))
    with_settings(bench, expose_errors=True)
    written(bench, {**FAILED, "exc_info": bomb})
    assert bench.read(JOB_ID).error == Failure("exception", "The job failed: ValueError. first")


def test_a_running_job_is_stalled_once_its_entry_has_lapsed(bench: Workbench) -> None:
    written(bench, STARTED)
    bench.redis.zadd("rq:wip:theirs", {JOB_ID: time.time() + 240})
    bench.redis.expire("rq:wip:theirs", 600)
    assert not bench.read(JOB_ID).stalled
    bench.redis.zadd("rq:wip:theirs", {JOB_ID: time.time() - 1})
    assert bench.read(JOB_ID).stalled
