"""`submit.lua` against `rq.Queue`: the same keys, the same hash field for field, for the same job."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from rq import Queue, Retry
from rq.job import Job as RQJob
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer

from pollable.catalog import JobType
from pollable.model import Job
from pollable.serializer import JSON, RUN
from tests.jobs.workbench import PATIENT, STRANGER, THRICE, URGENT, Workbench, job_type

RQ_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TIMES = ("created_at", "enqueued_at")
LIMITED = job_type("limited", timeout_s=7, result_ttl_s=11, failure_ttl_s=13)


def enqueued_by_rq(bench: Workbench, job: Job, type_: JobType, *, at: datetime | None = None) -> dict[str, Any]:
    """What is in Redis when RQ alone enqueues the same job."""
    bench.redis.flushall()
    queue = Queue(job.queue, connection=bench.redis, serializer=JSON)
    options: dict[str, Any] = {
        "job_id": job.id,
        "job_timeout": type_.timeout_s or 600,
        "result_ttl": type_.result_ttl_s or 3600,
        "failure_ttl": type_.failure_ttl_s or 86_400,
        "description": type_.name,
    }
    if type_.max_attempts > 1:
        delays = list(type_.retry_delays_s) or [0]
        options["retry"] = Retry(max=type_.max_attempts - 1, interval=delays)
    if at is None:
        queue.enqueue(RUN, **options)
    else:
        queue.enqueue_at(at, RUN, **options)
    return bench.snapshot()


def enqueued_by_us(bench: Workbench, type_: JobType, **options: Any) -> tuple[Job, dict[str, Any]]:
    """What RQ sees in Redis after our submit."""
    job = bench.submit(type_, **options)
    keys = bench.snapshot()
    return job, {key: content for key, content in keys.items() if not key.startswith("rq:pollable:")}


def comparable(snapshot: dict[str, Any], job: Job) -> dict[str, Any]:
    """Times by their format, and JSON by its value."""
    fields = dict(snapshot[f"rq:job:{job.id}"])
    for name in TIMES:
        if name.encode() in fields:
            fields[name.encode()] = bool(RQ_TIME.fullmatch(fields[name.encode()])) or fields[name.encode()]
    if b"retry_intervals" in fields:
        fields[b"retry_intervals"] = json.loads(fields[b"retry_intervals"])
    return {**snapshot, f"rq:job:{job.id}": fields}


@pytest.mark.parametrize(
    "type_", [job_type("plain"), THRICE, PATIENT, LIMITED, URGENT], ids=lambda type_: str(type_.name)
)
def test_a_job_for_now_is_what_enqueue_writes(bench: Workbench, type_: JobType) -> None:
    job, ours = enqueued_by_us(bench, type_)
    theirs = enqueued_by_rq(bench, job, type_)
    assert comparable(ours, job) == comparable(theirs, job)


@pytest.mark.parametrize("type_", [job_type("plain"), PATIENT], ids=lambda type_: str(type_.name))
def test_a_job_for_later_is_what_enqueue_at_writes(bench: Workbench, type_: JobType) -> None:
    at = datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)
    job, ours = enqueued_by_us(bench, type_, run_at=int(at.timestamp() * 1000))
    theirs = enqueued_by_rq(bench, job, type_, at=at)
    assert comparable(ours, job) == comparable(theirs, job)


def test_a_job_in_another_queue_is_what_that_queues_enqueue_writes(bench: Workbench) -> None:
    job, ours = enqueued_by_us(bench, THRICE, queue="pollable-low", owner=STRANGER)
    theirs = enqueued_by_rq(bench, job, THRICE)
    assert comparable(ours, job) == comparable(theirs, job)


def test_rq_fetches_what_we_wrote(bench: Workbench) -> None:
    job = bench.submit(PATIENT)
    fetched = RQJob.fetch(job.id, connection=bench.redis, serializer=JSON)
    assert (fetched.func_name, list(fetched.args), fetched.kwargs) == (RUN, [], {})
    assert (fetched.get_status(), fetched.origin, fetched.description) == ("queued", "pollable", "patient")
    assert (fetched.timeout, fetched.result_ttl, fetched.failure_ttl) == (600, 3600, 86_400)
    assert (fetched.retries_left, fetched.retry_intervals) == (2, [1, 60])
    assert abs((fetched.created_at - datetime.now(UTC)).total_seconds()) < 60
    assert Queue("pollable", connection=bench.redis).get_job_ids() == [job.id]


def test_rqs_json_serializer_reads_ours(bench: Workbench) -> None:
    job = bench.submit()
    assert RQJob.fetch(job.id, connection=bench.redis, serializer=JSONSerializer).func_name == RUN


def test_rqs_scheduler_finds_a_job_for_later_when_it_is_due_and_not_before(bench: Workbench) -> None:
    job = bench.submit(run_at=4_000_000_000_500)
    registry = ScheduledJobRegistry("pollable", connection=bench.redis)  # type: ignore[no-untyped-call]
    assert registry.get_jobs_to_schedule(4_000_000_000) == []
    assert registry.get_jobs_to_schedule(4_000_000_001) == [job.id]


@pytest.mark.parametrize(
    "broken",
    [
        lambda fields: {**fields, b"new_in_rq_4": b""},
        lambda fields: {name: value for name, value in fields.items() if name != b"group_id"},
        lambda fields: {**fields, b"created_at": b"2026-01-02 03:04:05"},
        lambda fields: {**fields, b"timeout": b"600s"},
    ],
    ids=["a field more", "a field fewer", "another time format", "another value"],
)
def test_the_comparison_sees(bench: Workbench, broken: Callable[[dict[bytes, Any]], dict[bytes, Any]]) -> None:
    job, ours = enqueued_by_us(bench, THRICE)
    theirs = enqueued_by_rq(bench, job, THRICE)
    key = f"rq:job:{job.id}"
    assert comparable(ours, job) != comparable({**theirs, key: broken(theirs[key])}, job)
