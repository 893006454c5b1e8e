"""Attempts, progress and signs of life of jobs that other code enqueued, as far as RQ's keys say them."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rq import Queue, Retry
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.results import Result
from rq.serializers import DefaultSerializer, JSONSerializer
from rq.utils import utcformat

from pollable.model import Failure, State
from tests.jobs.test_foreign_jobs import enqueue, fail, finish
from tests.jobs.workbench import Workbench, with_settings


@pytest.fixture(autouse=True)
def _foreign_jobs_are_read(bench: Workbench) -> None:
    with_settings(bench, foreign_jobs="read")


def started(bench: Workbench, job: RQJob, *, at: datetime | None = None) -> None:
    """As RQ's work-horse begins an attempt."""
    with bench.redis.pipeline() as pipeline:
        job.prepare_for_execution("worker-7", pipeline=pipeline)
        pipeline.execute()
    if at is not None:
        bench.redis.hset(job.key, mapping={"started_at": utcformat(at), "last_heartbeat": utcformat(at)})


def raised_and_retried(bench: Workbench, job: RQJob) -> None:
    """As RQ's worker ends an attempt of a job that has retries left."""
    job.ended_at = datetime.now(UTC)
    with bench.redis.pipeline() as pipeline:
        job.retry(Queue("theirs", connection=bench.redis), pipeline)
        pipeline.execute()
    bench.redis.expire(job.key, 600)


def attempts(bench: Workbench, job: RQJob) -> tuple[int, int]:
    shown = bench.read(job.id)
    assert shown.attempts <= shown.max_attempts
    return shown.attempts, shown.max_attempts


def test_a_job_without_retries_has_one_attempt(bench: Workbench) -> None:
    theirs = enqueue(bench)
    assert attempts(bench, theirs) == (0, 1)
    started(bench, theirs)
    assert attempts(bench, theirs) == (1, 1)
    finish(theirs, 1)
    assert attempts(bench, theirs) == (1, 1)


@pytest.mark.parametrize("retry", [Retry(3, [0, 60, 0]), Retry(3, [1, 2, 3])], ids=["some at once", "all later"])
def test_retries_with_a_pause_each_are_counted(bench: Workbench, retry: Retry) -> None:
    theirs = enqueue(bench, retry=retry)
    assert attempts(bench, theirs) == (0, 4)
    for number in (1, 2, 3):
        started(bench, theirs)
        assert attempts(bench, theirs) == (number, 4)
        raised_and_retried(bench, theirs)
        assert attempts(bench, theirs) == (number, 4)
    started(bench, theirs)
    assert attempts(bench, theirs) == (4, 4)
    theirs.ended_at = datetime.now(UTC)
    fail(theirs, "ValueError: x\n")
    assert attempts(bench, theirs) == (4, 4)


@pytest.mark.parametrize("interval", [0, 5])
def test_of_retries_without_pauses_of_their_own_the_least_is_told(bench: Workbench, interval: int) -> None:
    theirs = enqueue(bench, retry=Retry(3, interval))
    assert attempts(bench, theirs) == (0, 4)
    started(bench, theirs)
    assert attempts(bench, theirs) == (1, 4)
    raised_and_retried(bench, theirs)
    assert attempts(bench, theirs) == (1, 4)
    started(bench, theirs)
    assert attempts(bench, theirs) == (2, 4)
    raised_and_retried(bench, theirs)
    started(bench, theirs)
    # RQ has forgotten of how many retries one is left.
    assert attempts(bench, theirs) == (2, 3)


def test_retries_that_the_job_asked_for_are_counted(bench: Workbench) -> None:
    theirs = enqueue(bench)
    started(bench, theirs)
    bench.redis.hset(theirs.key, mapping={"status": "queued", "number_of_retries": 2})
    assert attempts(bench, theirs) == (2, 3)
    bench.redis.hset(theirs.key, mapping={"status": "started", "ended_at": utcformat(datetime.now(UTC))})
    assert attempts(bench, theirs) == (3, 3)
    theirs.set_status(JobStatus.FAILED)
    with bench.redis.pipeline() as pipeline:
        Result.create_max_retries_exceeded(
            theirs, 500, Retry(2), "w", "e", datetime.now(UTC), datetime.now(UTC), pipeline=pipeline
        )
        pipeline.execute()
    bench.redis.expire(theirs.key, 500)
    assert attempts(bench, theirs) == (3, 3)
    assert bench.read(theirs.id).error == Failure("exception", "The job asked to be run again more often than it may.")


def test_rq_1_knew_retries_left_alone(bench: Workbench) -> None:
    theirs = enqueue(bench)
    bench.redis.hset(theirs.key, mapping={"retries_left": 2})
    assert attempts(bench, theirs) == (0, 3)
    started(bench, theirs)
    assert attempts(bench, theirs) == (1, 3)
    bench.redis.hset(theirs.key, mapping={"status": "scheduled", "retries_left": 1})
    assert attempts(bench, theirs) == (1, 3)


def test_more_pauses_than_retries_count_no_attempt_that_was_not(bench: Workbench) -> None:
    theirs = enqueue(bench, retry=Retry(1, [1, 2, 3]))
    started(bench, theirs)
    assert attempts(bench, theirs) == (1, 2)


PROGRESS: dict[str, tuple[Any, int | None, str | None]] = {
    "number": (42, 42, None),
    "fraction": (42.9, 42, None),
    "none of it": (0, 0, None),
    "below": (-5, 0, None),
    "above": (250, 100, None),
    "far above": (1e300, 100, None),
    "with a message": ({"percent": 7, "message": "page 3"}, 7, "page 3"),
    "percent alone": ({"percent": 7.5}, 7, None),
    "message alone": ({"message": "page 3"}, None, "page 3"),
    "message is no text": ({"percent": 7, "message": 3}, 7, None),
    "percent is text": ({"percent": "7"}, None, None),
    "true": (True, None, None),
    "percent is true": ({"percent": True}, None, None),
    "text": ("42", None, None),
    "list": ([42], None, None),
    "null": (None, None, None),
    "empty": ({}, None, None),
}
any_progress = pytest.mark.parametrize(("progress", "percent", "message"), PROGRESS.values(), ids=PROGRESS.keys())


def told(bench: Workbench, serializer: Any, meta: dict[str, Any]) -> tuple[int | None, str | None]:
    theirs = enqueue(bench, serializer, meta=meta)
    started(bench, theirs)
    job = bench.read(theirs.id)
    return job.progress, job.message


@any_progress
def test_progress_in_json_meta_is_read(
    bench: Workbench, progress: Any, percent: int | None, message: str | None
) -> None:
    assert told(bench, JSONSerializer, {"progress": progress, "other": [1]}) == (percent, message)


@any_progress
def test_progress_in_pickled_meta_is_read_as_data(
    bench: Workbench, progress: Any, percent: int | None, message: str | None
) -> None:
    assert told(bench, DefaultSerializer, {"progress": progress}) == (None, None)
    with_settings(bench, foreign_jobs="read-data")
    assert told(bench, DefaultSerializer, {"progress": progress}) == (percent, message)


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["nan", "inf"])
@pytest.mark.parametrize("serializer", [JSONSerializer, DefaultSerializer])
def test_what_is_no_number_for_json_is_no_progress(bench: Workbench, serializer: Any, value: Any) -> None:
    with_settings(bench, foreign_jobs="read-data")
    assert told(bench, serializer, {"progress": value}) == (None, None)


def test_without_meta_nobody_knows_and_a_finished_job_is_done(bench: Workbench) -> None:
    theirs = enqueue(bench)
    assert bench.read(theirs.id).progress is None
    started(bench, theirs)
    assert bench.read(theirs.id).progress is None
    bench.redis.hset(theirs.key, "meta", json.dumps({"progress": 40}))
    finish(theirs, 1)
    assert bench.read(theirs.id).progress == 100
    fail(theirs, "ValueError: x\n")
    assert bench.read(theirs.id).progress == 40


def execution_of(bench: Workbench, job: RQJob, *, ttl: int) -> Execution:
    """As RQ 2 and 3 register the run of a job."""
    with bench.redis.pipeline() as pipeline:
        execution = Execution.create(job, ttl, pipeline=pipeline)
        pipeline.execute()
    bench.redis.expire("rq:wip:theirs", 600)
    return execution


LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def test_a_running_job_is_stalled_once_rqs_registry_has_it_as_lapsed(bench: Workbench) -> None:
    theirs = enqueue(bench)
    execution = execution_of(bench, theirs, ttl=90)
    # RQ's simple worker reports nothing while a job runs, and has it registered for as long as the job may take.
    started(bench, theirs, at=LONG_AGO)
    assert bench.read(theirs.id).stalled_reason is None
    bench.redis.zadd("rq:wip:theirs", {execution.composite_key: time.time() - 1})
    job = bench.read(theirs.id)
    assert (job.state, job.stalled) == (State.RUNNING, True)
    assert job.stalled_reason is not None
    assert "no sign of life" in job.stalled_reason
    execution_of(bench, theirs, ttl=90)
    assert not bench.read(theirs.id).stalled


def test_rq_1_registers_the_job_itself(bench: Workbench) -> None:
    theirs = enqueue(bench)
    started(bench, theirs, at=LONG_AGO)
    for lapses_in_s, stalled in ((60, False), (-60, True), (float("inf"), False)):
        bench.redis.zadd("rq:wip:theirs", {theirs.id: time.time() + lapses_in_s})
        bench.redis.expire("rq:wip:theirs", 600)
        assert bench.read(theirs.id).stalled == stalled


def test_without_an_entry_the_last_heartbeat_counts(bench: Workbench) -> None:
    theirs = enqueue(bench)
    started(bench, theirs)
    assert not bench.read(theirs.id).stalled
    started(bench, theirs, at=LONG_AGO)
    assert bench.read(theirs.id).stalled


@pytest.mark.parametrize("status", [status for status in JobStatus if status is not JobStatus.STARTED])
def test_what_does_not_run_is_not_stalled(bench: Workbench, status: JobStatus) -> None:
    theirs = enqueue(bench)
    execution_of(bench, theirs, ttl=1)
    started(bench, theirs, at=LONG_AGO)
    theirs.set_status(status)
    bench.redis.expire(theirs.key, 600)
    assert not bench.read(theirs.id).stalled


@pytest.mark.parametrize("key", ["rq:wip:theirs", "rq:executions:{}"])
def test_a_registry_of_another_kind_disturbs_nobody(bench: Workbench, key: str) -> None:
    theirs, mine = enqueue(bench), bench.submit()
    started(bench, theirs)
    bench.redis.set(key.format(theirs.id), "x", ex=600)
    read = bench.run(bench.store.read_many([theirs.id, mine.id], owner=None))
    assert [job and job.id for job in read] == [theirs.id, mine.id]
