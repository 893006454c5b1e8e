"""Sentry's own integration for RQ sees every job of our workers: it wraps what RQ's workers call."""

import json
from pathlib import Path
from typing import Any

import pytest

from pollable.catalog import JobType
from tests.jobs.workbench import Workbench, until
from tests.rq.processes import worker

# As `watched` has it, whose import would set Sentry up in this process.
SENT = "WATCHED_SENT"

WORKERS = {"a process for each job": (), "several jobs a process": ("--jobs-per-process", "9"), "simple": ("--simple",)}


@pytest.mark.parametrize("who", WORKERS)
def test_sentry_sees_every_job_and_every_error(
    bench: Workbench, redis_url: str, log: Path, tmp_path: Path, who: str
) -> None:
    sent = tmp_path / "sent"
    settings = {SENT: str(sent), "POLLABLE_JOBS": "tests.rq.watched"}
    with worker(redis_url, log, *WORKERS[who], **settings):
        ids = [submitted(bench, name) for name in ("watched_good", "watched_good", "watched_bad")]
        ended = [until(lambda job_id=job_id: bench.read(job_id), lambda job: job.state.is_final) for job_id in ids]  # type: ignore[misc]
        until(lambda: len(seen(sent)), lambda count: count >= 4)
    events = seen(sent)
    assert [event["job"] for event in events if event["kind"] == "transaction"] == ids
    assert {event["what"] for event in events} == {"watched_good", "watched_bad"}
    (error,) = (event for event in events if event["kind"] == "event")
    assert (error["job"], error["error"]) == (ids[2], True)
    good = [event["pid"] for event in events[:2]]
    assert good == [int(job.result or b"") for job in ended[:2]]


def submitted(bench: Workbench, name: str) -> str:
    return bench.submit(JobType(name=name, function=print, payload_type=None, result_type=Any), payload=b"null").id


def seen(sent: Path) -> list[Any]:
    return [json.loads(line) for line in sent.read_text().splitlines()] if sent.exists() else []
