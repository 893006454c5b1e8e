"""Spans of jobs that one's own code submits: as over HTTP, within whatever span the code is in."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from pollable import AsyncJobs, Job, Jobs
from pollable.catalog import Catalog, JobType
from pollable.errors import OwnerFull
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect
from tests.system.running import ROOT, environment, running
from tests.worker.test_tracing import exporter, span_id, spans  # noqa: F401 - a fixture
from tests.worker.waiting import until

CATALOG = Catalog()
CATALOG.add(JobType(name="traced", function=print, payload_type=str, result_type=str))


def submitted(settings: Settings) -> Job:
    with Jobs(settings, catalog=CATALOG) as jobs:
        return jobs.submit("traced", "well")


def submitted_awaited(settings: Settings) -> Job:
    async def submit() -> Job:
        async with AsyncJobs(settings, catalog=CATALOG) as jobs:
            return await jobs.submit("traced", "well")

    return asyncio.run(submit())


FACES = (submitted, submitted_awaited)
faces = pytest.mark.parametrize("submit", FACES, ids=["Jobs", "AsyncJobs"])
Submit = Callable[[Settings], Job]


def stored(settings: Settings, job: Job) -> str:
    with connect(settings, timeout_s=5) as client:
        found: Any = client.hget(keys.record(job.id), "traceparent")
    return (found or b"").decode()


def context(span: ReadableSpan) -> tuple[str, str]:
    made = span.get_span_context()
    assert made is not None
    return f"{made.trace_id:032x}", f"{made.span_id:016x}"


@faces
def test_a_submit_is_a_span_within_the_application_s(
    settings: Settings,
    exporter: InMemorySpanExporter,  # noqa: F811
    submit: Submit,
) -> None:
    with trace.get_tracer("application").start_as_current_span("order"):
        job = submit(settings)
    found = spans(exporter)
    sent, order = found["send pollable"], found["order"]
    assert sent.kind is SpanKind.PRODUCER
    assert sent.parent is not None
    assert sent.parent.span_id == span_id(order)
    assert stored(settings, job).split("-")[1:3] == [*context(sent)]
    assert context(sent)[0] == context(order)[0]
    assert dict(sent.attributes or {}) == {
        "messaging.system": "rq",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "pollable",
        "messaging.message.id": job.id,
        "pollable.job.type": "traced",
    }


@faces
def test_a_submit_without_a_span_around_it_begins_a_trace(
    settings: Settings,
    exporter: InMemorySpanExporter,  # noqa: F811
    submit: Submit,
) -> None:
    job = submit(settings)
    sent = spans(exporter)["send pollable"]
    assert sent.parent is None
    assert stored(settings, job).split("-")[1:3] == [*context(sent)]


@faces
def test_where_nobody_takes_spans_nothing_is_handed_on(settings: Settings, submit: Submit) -> None:
    assert stored(settings, submit(settings)) == ""


WITHOUT_OPENTELEMETRY = """
import sys
sys.modules["opentelemetry"] = None
from pollable import Jobs
from pollable.catalog import Catalog, JobType
from pollable.settings import from_environment
catalog = Catalog()
catalog.add(JobType(name="traced", function=print, payload_type=str, result_type=str))
with Jobs(from_environment(), catalog=catalog) as jobs:
    print(jobs.submit("traced", "well").state, [name for name in sys.modules if name.startswith("opentelemetry.")])
"""


def test_where_opentelemetry_is_not_installed_jobs_are_submitted_all_the_same(redis_url: str) -> None:
    command = [sys.executable, "-c", WITHOUT_OPENTELEMETRY]
    variables = environment(REDIS_URL=redis_url)
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("queued []\n", "")


def test_a_rerun_and_a_refusal_have_spans_too(settings: Settings, exporter: InMemorySpanExporter) -> None:  # noqa: F811
    few = Settings(redis_url=settings.redis_url, owner_max_jobs=1, redis_risks="accepted")
    with Jobs(few, catalog=CATALOG) as jobs:
        job = jobs.cancel(jobs.submit("traced", "well").id)
        again = jobs.rerun(job.id)
        with pytest.raises(OwnerFull):
            jobs.submit("traced", "well")
    first, second, refused = exporter.get_finished_spans()
    assert [(each.attributes or {}).get("messaging.message.id") for each in (first, second)] == [job.id, again.id]
    assert refused.status.status_code is StatusCode.ERROR
    assert (refused.attributes or {})["error.type"] == "owner_full"


def test_the_attempt_is_linked_to_the_submit_of_either_face(
    settings: Settings,
    exporter: InMemorySpanExporter,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = tmp_path / "spans"
    variables = {"REDIS_URL": settings.redis_url, "POLLABLE_JOBS": "tests.worker.traced_jobs", "SPANS": str(file)}
    command = [sys.executable, "-m", "pollable", "worker"]
    with running(command, url="http://127.0.0.1:1", log=tmp_path / "log", settings=variables) as worker:
        jobs = [submit(settings) for submit in FACES]
        until(lambda: len(processed(file)) == len(jobs), within_s=30, what="both attempts' spans")
        worker.stop()
    sent = {(span.attributes or {})["messaging.message.id"]: context(span) for span in exporter.get_finished_spans()}
    assert sent.keys() == {job.id for job in jobs}
    for span in processed(file):
        (link,) = span["links"]
        trace_id, parent_id = sent[span["attributes"]["messaging.message.id"]]
        assert (link["context"]["trace_id"], link["context"]["span_id"]) == (f"0x{trace_id}", f"0x{parent_id}")
        assert (span["context"]["trace_id"], span["parent_id"]) == (f"0x{trace_id}", f"0x{parent_id}")


def processed(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [span for span in map(json.loads, lines) if span["name"] == "process pollable"]
