"""The bodies of the five APIs' own pages, to the byte but for white space."""

import json
from typing import Any

import pytest

from pollable.envelopes.registry import load_envelopes
from pollable.model import Failure, Job, State
from pollable.settings import ENVELOPES
from tests.envelopes.jobs import ANALYSIS_ID, CREATED_AT, PROJECT_ID, job

ON = load_envelopes(ENVELOPES)
JOB_ID = "550e8400-e29b-41d4-a716-446655440000"


def expect(name: str, shown: Job, body: str) -> None:
    rendered = ON[name].render(shown)
    assert rendered.decode() == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)


def record(state: State, **fields: Any) -> Job:
    return job(state, id=JOB_ID, started_at=CREATED_AT + 1000, attempts=1, **fields)


def test_record_completed() -> None:
    shown = record(
        State.SUCCEEDED,
        result=b'{"output":"Prices move."}',
        ended_at=CREATED_AT + 5000,
        updated_at=CREATED_AT + 5000,
    )
    expect(
        "record",
        shown,
        """{
        "id": "550e8400-e29b-41d4-a716-446655440000", "type": "AI_PREVIEW", "status": "COMPLETED",
        "result": {"output": "Prices move."}, "error": null, "attempts": 1,
        "createdAt": "2026-03-04T12:00:00.000Z", "startedAt": "2026-03-04T12:00:01.000Z",
        "completedAt": "2026-03-04T12:00:05.000Z", "updatedAt": "2026-03-04T12:00:05.000Z"}""",
    )


def test_record_processing() -> None:
    expect(
        "record",
        record(State.RUNNING, updated_at=CREATED_AT + 2000),
        """{
        "id": "550e8400-e29b-41d4-a716-446655440000", "type": "AI_PREVIEW", "status": "PROCESSING",
        "result": null, "error": null, "attempts": 1,
        "createdAt": "2026-03-04T12:00:00.000Z", "startedAt": "2026-03-04T12:00:01.000Z",
        "completedAt": null, "updatedAt": "2026-03-04T12:00:02.000Z"}""",
    )


def test_record_failed() -> None:
    shown = job(
        State.FAILED,
        id=JOB_ID,
        started_at=CREATED_AT + 1000,
        attempts=3,
        error=Failure("exception", "Rate exceeded"),
        ended_at=CREATED_AT + 15000,
        updated_at=CREATED_AT + 15000,
    )
    expect(
        "record",
        shown,
        """{
        "id": "550e8400-e29b-41d4-a716-446655440000", "type": "AI_PREVIEW", "status": "FAILED",
        "result": null, "error": "Rate exceeded", "attempts": 3,
        "createdAt": "2026-03-04T12:00:00.000Z", "startedAt": "2026-03-04T12:00:01.000Z",
        "completedAt": "2026-03-04T12:00:15.000Z", "updatedAt": "2026-03-04T12:00:15.000Z"}""",
    )


SCREENING = {"id": "01HY3K4M-not-of-ours", "type": "screen_analysis"}


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED, State.RUNNING])
def test_minimal_runs_from_the_first(state: State) -> None:
    expect(
        "minimal",
        job(state, **SCREENING, started_at=CREATED_AT + 2000, updated_at=CREATED_AT + 5999),
        """{
        "id": "01HY3K4M-not-of-ours", "type": "screen_analysis", "status": "running",
        "createdAt": "2026-03-04T12:00:00Z", "updatedAt": "2026-03-04T12:00:00Z", "result": null, "error": null}""",
    )


def test_minimal_runs_again_since_a_failure_was_requeued() -> None:
    again = job(
        State.RUNNING, reopened_at=CREATED_AT + 60_000, started_at=CREATED_AT + 61_000, updated_at=CREATED_AT + 62_000
    )
    assert json.loads(ON["minimal"].render(again))["updatedAt"] == "2026-03-04T12:01:00Z"


def test_minimal_succeeded() -> None:
    result = b'{"type":"analysis.screen.result","riskScore":75,"findings":[{"priority":"p1","endOffset":null}]}'
    expect(
        "minimal",
        job(State.SUCCEEDED, **SCREENING, result=result, ended_at=CREATED_AT + 12999, updated_at=CREATED_AT + 20000),
        """{
        "id": "01HY3K4M-not-of-ours", "type": "screen_analysis", "status": "succeeded",
        "createdAt": "2026-03-04T12:00:00Z", "updatedAt": "2026-03-04T12:00:12Z",
        "result": {"type": "analysis.screen.result", "riskScore": 75,
                   "findings": [{"priority": "p1", "endOffset": null}]},
        "error": null}""",
    )


def test_minimal_failed() -> None:
    error = Failure("analysis_failed", "The screening could not be done.")
    expect(
        "minimal",
        job(State.FAILED, **SCREENING, error=error, updated_at=CREATED_AT + 30000),
        """{
        "id": "01HY3K4M-not-of-ours", "type": "screen_analysis", "status": "failed",
        "createdAt": "2026-03-04T12:00:00Z", "updatedAt": "2026-03-04T12:00:30Z", "result": null,
        "error": {"code": "analysis_failed", "message": "The screening could not be done."}}""",
    )


def test_minimal_has_no_word_for_cancelled() -> None:
    shown = json.loads(ON["minimal"].render(job(State.CANCELLED)))
    assert (shown["status"], shown["error"]["code"]) == ("failed", "cancelled")


PROCESSING = {"id": "job_abc123", "type": "document_processing"}


def test_managed_completed() -> None:
    shown = job(
        State.SUCCEEDED,
        **PROCESSING,
        progress=100,
        result=b'{"documentsProcessed":50,"errors":0}',
        ended_at=CREATED_AT + 300_000,
    )
    expect(
        "managed",
        shown,
        """{"data": {
        "id": "job_abc123", "type": "document_processing", "status": "completed", "progress": 100,
        "result": {"documentsProcessed": 50, "errors": 0},
        "createdAt": "2026-03-04T12:00:00Z", "completedAt": "2026-03-04T12:05:00Z"}, "error": null}""",
    )


def test_managed_failed() -> None:
    error = Failure("worker_lost", "The worker was lost.")
    expect(
        "managed",
        job(State.FAILED, **PROCESSING, progress=40, error=error, ended_at=CREATED_AT + 1000),
        """{"data": {
        "id": "job_abc123", "type": "document_processing", "status": "failed", "progress": 40,
        "result": {"error": {"code": "worker_lost", "message": "The worker was lost."}},
        "createdAt": "2026-03-04T12:00:00Z", "completedAt": "2026-03-04T12:00:01Z"}, "error": null}""",
    )


def test_managed_rerun() -> None:
    new = job(State.QUEUED, id="job_new123", type="document_processing", original_id="job_abc123")
    assert json.loads(ON["managed"].rerun(new)) == json.loads(
        """{"data": {
        "id": "job_new123", "type": "document_processing", "status": "pending", "originalJobId": "job_abc123",
        "createdAt": "2026-03-04T12:00:00Z"}, "error": null}"""
    )
    assert list(json.loads(ON["managed"].render(new))["data"])[-1] == "originalJobId"


def test_managed_submitted() -> None:
    assert json.loads(ON["managed"].submitted(job(State.QUEUED, **PROCESSING))) == {
        "data": {
            "id": "job_abc123",
            "type": "document_processing",
            "status": "pending",
            "createdAt": "2026-03-04T12:00:00Z",
        },
        "error": None,
    }


@pytest.mark.parametrize(
    ("shown", "body"),
    [
        pytest.param(job(State.QUEUED), {"status": "queued"}, id="queued"),
        pytest.param(job(State.QUEUED, rq_status="deferred"), {"status": "deferred"}, id="deferred"),
        pytest.param(job(State.SCHEDULED), {"status": "scheduled"}, id="scheduled"),
        pytest.param(job(State.RUNNING), {"status": "started"}, id="started"),
        pytest.param(
            job(State.SUCCEEDED, result=b'{"mcqs":[]}'), {"status": "finished", "result": {"mcqs": []}}, id="finished"
        ),
        pytest.param(job(State.SUCCEEDED, result=b"null"), {"status": "finished", "result": None}, id="null result"),
        pytest.param(
            job(State.FAILED, error=Failure("exception", "Connection timeout")),
            {"status": "failed", "error": "Connection timeout"},
            id="failed",
        ),
        pytest.param(
            job(State.CANCELLED, rq_status="canceled"),
            {"status": "failed", "error": "The job was cancelled."},
            id="canceled",
        ),
        pytest.param(
            job(State.CANCELLED, rq_status="stopped"),
            {"status": "failed", "error": "The job was cancelled."},
            id="stopped",
        ),
    ],
)
def test_plain(shown: Job, body: dict[str, Any]) -> None:
    expect("plain", shown, json.dumps(body))


def test_agent_completed() -> None:
    shown = job(
        State.SUCCEEDED,
        context=b'{"projectId":"%s"}' % PROJECT_ID.encode(),
        result=b'{"summary":[1,2],"analysisId":"%s"}' % ANALYSIS_ID.encode(),
        started_at=CREATED_AT + 1,
        ended_at=CREATED_AT + 2,
        updated_at=CREATED_AT + 2,
    )
    expect(
        "agent",
        shown,
        f"""{{"data": {{
        "jobId": "{shown.id}", "projectId": "{PROJECT_ID}", "status": "completed",
        "createdAt": "2026-03-04T12:00:00.000Z", "updatedAt": "2026-03-04T12:00:00.002Z",
        "startedAt": "2026-03-04T12:00:00.001Z", "completedAt": "2026-03-04T12:00:00.002Z",
        "analysisId": "{ANALYSIS_ID}", "error": null, "errorCode": null}}}}""",
    )


def test_agent_failed_has_no_completion() -> None:
    shown = job(
        State.FAILED,
        context=b'{"projectId":"%s"}' % PROJECT_ID.encode(),
        error=Failure("timeout", "It took too long."),
        ended_at=CREATED_AT,
    )
    data = json.loads(ON["agent"].render(shown))["data"]
    assert (data["status"], data["completedAt"], data["errorCode"]) == ("failed", None, "timeout")


def test_native_shows_everything() -> None:
    shown = job(
        State.SUCCEEDED,
        result=b"[1,2]",
        progress=100,
        message="done",
        context=b'{"a":1}',
        labels=b'{"month":"2026-10"}',
        attempts=1,
        max_attempts=3,
        started_at=CREATED_AT,
        ended_at=CREATED_AT,
        expires_at=CREATED_AT + 3_600_000,
    )
    expect(
        "native",
        shown,
        f"""{{
        "id": "{shown.id}", "type": "AI_PREVIEW", "status": "succeeded",
        "progress": {{"percent": 100, "message": "done"}}, "attempts": 1, "maxAttempts": 3, "queue": "pollable",
        "createdAt": "2026-03-04T12:00:00.000Z", "startedAt": "2026-03-04T12:00:00.000Z",
        "completedAt": "2026-03-04T12:00:00.000Z", "updatedAt": "2026-03-04T12:00:00.000Z",
        "expiresAt": "2026-03-04T13:00:00.000Z", "runAt": null, "stalled": false, "stalledReason": null,
        "originalJobId": null, "context": {{"a": 1}}, "labels": {{"month": "2026-10"}}, "lastError": null,
        "result": [1, 2], "error": null,
        "links": {{"self": "/jobs/{shown.id}", "events": null, "result": "/jobs/{shown.id}/result", "cancel": null,
                   "rerun": "/jobs/{shown.id}/rerun"}}}}""",
    )


@pytest.mark.parametrize(("age_s", "interval_s"), [(0, 1), (-5, 1), (9, 1), (30, 4), (90, 10), (86_400, 10)])
def test_minimal_backs_off_as_the_job_grows_older(age_s: float, interval_s: int) -> None:
    assert ON["minimal"].poll_interval_s(age_s) == interval_s


@pytest.mark.parametrize(("name", "interval_s"), [("plain", 2), ("record", 3), ("managed", 5), ("agent", 1)])
def test_the_page_suggests_an_interval(name: str, interval_s: int) -> None:
    assert ON[name].poll_interval_s(60) == interval_s
