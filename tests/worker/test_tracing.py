"""Spans of submits and attempts, and that there are none unless somebody takes them."""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from rq.job import Job as RQJob

from pollable.catalog import Catalog, JobType
from pollable.errors import JobError
from pollable.settings import Settings
from pollable.worker import failures
from pollable.worker.attempt import Attempt, Workshop
from pollable.worker.claims import Claim, Claims
from tests.http.calling import Deployment
from tests.system.running import running
from tests.worker.waiting import until

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def act(how: str) -> str:
    with trace.get_tracer("job").start_as_current_span("within"):
        if how == "code":
            raise JobError("no_such_page", "secret")
        if how == "exception":
            raise ValueError("secret")
        return how


CATALOG = Catalog()
CATALOG.add(JobType(name="act", function=act, payload_type=str, result_type=str))


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # It can be set once for a process; other tests run in this one.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    made = Deployment(settings, catalog=CATALOG)
    yield made
    made.close()


def submit(deployment: Deployment, how: str = "well", **headers: str) -> str:
    answer = deployment.post("/jobs", {"type": "act", "payload": how}, **headers)
    assert answer.status_code == 202
    return str(answer.json()["id"])


def attempt_of(deployment: Deployment, job_id: str) -> tuple[Attempt, RQJob]:
    claims = Claims(deployment.redis, lease_s=30, types=["act"])
    claim = claims.claim(job_id)
    assert isinstance(claim, Claim)
    rq_job = RQJob.fetch(job_id, connection=deployment.redis)
    return Attempt(claim, claims=claims, workshop=Workshop(deployment.settings, CATALOG)), rq_job


def run(deployment: Deployment, job_id: str) -> None:
    attempt, rq_job = attempt_of(deployment, job_id)
    with suppress(failures.AttemptFailed):
        attempt.run(rq_job)


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def span_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def test_a_submit_and_its_run_are_linked(deployment: Deployment, exporter: InMemorySpanExporter) -> None:
    job_id = submit(deployment, traceparent=TRACEPARENT)
    run(deployment, job_id)
    found = spans(exporter)
    sent, processed, within = (found[name] for name in ("send pollable", "process pollable", "within"))
    assert (sent.kind, processed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert sent.parent is not None
    assert (f"{sent.parent.trace_id:032x}", f"{sent.parent.span_id:016x}") == (TRACE_ID, SPAN_ID)
    assert [link.context.span_id for link in processed.links] == [span_id(sent)]
    assert processed.parent is not None
    assert processed.parent.span_id == span_id(sent)
    assert within.parent is not None
    assert within.parent.span_id == span_id(processed)
    same = {
        "messaging.system": "rq",
        "messaging.destination.name": "pollable",
        "messaging.message.id": job_id,
        "pollable.job.type": "act",
    }
    send = {"messaging.operation.name": "send", "messaging.operation.type": "send"}
    process = {"messaging.operation.name": "process", "messaging.operation.type": "process", "pollable.job.attempt": 1}
    assert dict(sent.attributes or {}) == {**same, **send}
    assert dict(processed.attributes or {}) == {**same, **process}
    assert {sent.status.status_code, processed.status.status_code} == {StatusCode.UNSET}


ERRORS = {"code": "no_such_page", "exception": "ValueError"}


@pytest.mark.parametrize("how", ERRORS)
def test_a_failure_is_told_by_its_name_and_none_of_its_words(
    deployment: Deployment, exporter: InMemorySpanExporter, how: str
) -> None:
    run(deployment, submit(deployment, how))
    processed = spans(exporter)["process pollable"]
    assert processed.status.status_code is StatusCode.ERROR
    assert (processed.attributes or {})["error.type"] == ERRORS[how]
    assert "secret" not in processed.to_json()
    assert len(exporter.get_finished_spans()) == 3


def test_a_failure_that_only_the_parent_sees_has_a_span_of_its_own(
    deployment: Deployment, exporter: InMemorySpanExporter
) -> None:
    attempt, rq_job = attempt_of(deployment, submit(deployment, traceparent=TRACEPARENT))
    attempt.settle(rq_job, failures.died(attempt.claim, "killed by SIGKILL", catalog=CATALOG))
    found = spans(exporter)
    processed = found["process pollable"]
    assert (processed.attributes or {})["error.type"] == "killed"
    assert [link.context.span_id for link in processed.links] == [span_id(found["send pollable"])]
    assert (processed.start_time or 0) < (processed.end_time or 0)


def test_a_refused_submit_says_why(settings: Settings, exporter: InMemorySpanExporter) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, max_queue_depth=1), catalog=CATALOG)
    submit(deployment)
    assert deployment.post("/jobs", {"type": "act", "payload": "more"}).status_code == 503
    refused = exporter.get_finished_spans()[-1]
    assert (refused.attributes or {})["error.type"] == "queue_full"
    deployment.close()


def test_where_nobody_takes_spans_there_are_none(deployment: Deployment) -> None:
    job_id = submit(deployment, traceparent=TRACEPARENT)
    attempt, rq_job = attempt_of(deployment, job_id)
    assert attempt.claim.traceparent == TRACEPARENT
    assert attempt.run(rq_job) == "well"


def test_a_request_without_a_trace_begins_one(deployment: Deployment, exporter: InMemorySpanExporter) -> None:
    attempt, _ = attempt_of(deployment, submit(deployment))
    sent = spans(exporter)["send pollable"]
    assert sent.parent is None
    assert attempt.claim.traceparent[36:52] == f"{span_id(sent):016x}"


def test_a_horse_sends_its_span_before_it_ends_and_its_parent_that_of_a_killed_one(
    redis_url: str, tmp_path: Path
) -> None:
    deployment = Deployment(Settings(redis_url=redis_url, auth="none", redis_risks="accepted"), catalog=_traced())
    file = tmp_path / "spans"
    settings = {"REDIS_URL": redis_url, "POLLABLE_JOBS": "tests.worker.traced_jobs", "SPANS": str(file)}
    command = [sys.executable, "-m", "pollable", "worker"]
    with running(command, url="http://127.0.0.1:1", log=tmp_path / "log", settings=settings) as worker:
        for how in ("well", "killed"):
            deployment.submit("traced", how)
        until(lambda: len(_processed(file)) == 2, within_s=20, what="both spans sent")
        worker.stop()
    assert [span["attributes"].get("error.type") for span in _processed(file)] == [None, "killed"]
    deployment.close()


def _traced() -> Catalog:
    catalog = Catalog()
    catalog.add(JobType(name="traced", function=act, payload_type=str, result_type=str))
    return catalog


def _processed(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [span for span in map(json.loads, lines) if span["name"] == "process pollable"]
