"""The life of a job in the log: one line for each turn, under the id of the request that submitted it."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pollable.errors import JobError
from pollable.jobs.reaper import Reaper
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async
from pollable.worker.attempt import Attempt, Workshop
from pollable.worker.claims import Claims, Ending, Outcome
from pollable.worker.failures import died
from tests.http.calling import JOB_TYPES, Deployment, catalog_of, job_type
from tests.http.logged import Log

DOCUMENT = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
OF_THE_JOB = {"job_id", "type", "owner", "queue", "attempt", "request_id", "trace_id"}


@pytest.fixture
def brief(settings: Settings) -> Iterator[Deployment]:
    """Whose leases are over soon."""
    running = Deployment(msgspec.structs.replace(settings, lease_s=0.4))
    yield running
    running.close()


def submitted(deployment: Deployment, name: str = "anything", **headers: str) -> str:
    payload = {"text": "secret"}
    answer = deployment.post("/jobs", {"type": name, "payload": payload}, x_request_id="r-1", **headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def claims_of(deployment: Deployment) -> Claims:
    names = [each.name for each in JOB_TYPES]
    return Claims(deployment.redis, lease_s=deployment.settings.lease_s, types=names)


def reaped(deployment: Deployment, log: Log, event: str) -> dict[str, Any]:
    async def reap() -> None:
        over = asyncio.Event()
        async with connect_async(deployment.settings) as redis:
            reaping = asyncio.create_task(Reaper(redis, deployment.settings).run(over))
            deadline = time.monotonic() + 20
            while not any(line.get("event") == event for line in log.lines):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            over.set()
            await reaping

    asyncio.run(reap())
    return log.of(event)


def test_a_job_is_followed_by_its_request_through_a_retry(deployment: Deployment, log: Log) -> None:
    job_id = submitted(deployment, "AI_PREVIEW", traceparent=TRACE)
    deployment.retry(job_id, delay_s=0)
    deployment.succeed(job_id)
    lines = [line for line in log.lines if line.get("job_id") == job_id]
    assert [line["event"] for line in lines] == ["accepted", "started", "retried", "started", "ended"]
    assert {line["request_id"] for line in lines} == {"r-1"}
    assert {line["trace_id"] for line in lines} == {"a" * 32}
    assert {line["owner"] for line in lines} == {owner_of(deployment, job_id)}
    assert [line.get("attempt") for line in lines] == [None, 1, 1, 2, 2]
    retried, ended = log.of("retried"), log.of("ended")
    assert (retried["state"], retried["code"], retried["retry_in_s"]) == ("queued", "exception", 0)
    assert ended["state"] == "succeeded"
    assert 0 <= ended["wait_s"] < 5
    assert 0 <= ended["duration_s"] < 5
    assert "secret" not in str(log.lines)


def owner_of(deployment: Deployment, job_id: str) -> str:
    owner = deployment.redis.hget(keys.record(job_id), "owner")
    assert isinstance(owner, bytes)
    return owner.decode()


@pytest.mark.parametrize(
    "malformed",
    [
        "00-",
        TRACE + "-x",
        TRACE.upper(),
        TRACE.replace("00-", "ff-", 1),
        TRACE.replace("a", "0"),
        TRACE.replace("b", "0"),
        "x" * 55,
    ],
)
def test_a_malformed_trace_is_as_none(deployment: Deployment, malformed: str, log: Log) -> None:
    job_id = submitted(deployment, traceparent=malformed)
    assert deployment.start(job_id).traceparent == ""
    assert "trace_id" not in log.of("started")


def test_a_job_of_an_older_release_has_no_request(deployment: Deployment, log: Log) -> None:
    job_id = submitted(deployment)
    deployment.redis.hdel(keys.record(job_id), "request_id")
    assert deployment.start(job_id).request_id == ""
    assert "request_id" not in log.of("started")


def test_a_rerun_is_under_its_own_request(deployment: Deployment, log: Log) -> None:
    job_id = submitted(deployment)
    deployment.succeed(job_id)
    again = deployment.post(f"/jobs/{job_id}/rerun", x_request_id="r-2").json()["id"]
    line = next(line for line in log.lines if line.get("job_id") == again)
    assert (line["event"], line["request_id"], line["original_id"]) == ("accepted", "r-2", job_id)
    assert deployment.start(again).request_id == "r-2"


def test_a_second_submit_with_the_same_key_is_no_new_job(deployment: Deployment, log: Log) -> None:
    first, second = (submitted(deployment, idempotency_key="k") for _ in range(2))
    assert first == second
    assert [line["event"] for line in log.lines] == ["accepted", "repeated"]


def test_who_cancels_and_deletes_is_named(deployment: Deployment, log: Log) -> None:
    waiting, running = submitted(deployment), submitted(deployment)
    deployment.start(running)
    for job_id in (waiting, running):
        deployment.post(f"/jobs/{job_id}/cancel", x_request_id="c")
    deployment.request("DELETE", f"/jobs/{waiting}")
    owner = owner_of(deployment, running)
    for event, job_id in (("cancelled", waiting), ("cancel_requested", running), ("deleted", waiting)):
        assert (log.of(event)["job_id"], log.of(event)["by"]) == (job_id, owner)
    assert log.of("cancelled")["request_id"] == "c"


@pytest.mark.parametrize(
    ("error", "level", "has_traceback"),
    [(JobError("blank_page", "page 3 is secret"), "info", False), (ValueError("what?"), "error", True)],
)
@pytest.mark.parametrize("traced", [True, False])
def test_only_what_nobody_expected_has_a_traceback(
    settings: Settings, log: Log, error: Exception, level: str, has_traceback: bool, traced: bool
) -> None:
    def fail(_: Any) -> None:
        raise error

    raising = msgspec.structs.replace(job_type("raising", payload_type=Any), function=fail)
    catalog = catalog_of(raising)
    deployment = Deployment(settings, catalog=catalog)
    try:
        job_id = deployment.submit("raising")
        claims = Claims(deployment.redis, lease_s=30, types=["raising"])
        claim = claims.claim(job_id)
        workshop = Workshop(msgspec.structs.replace(settings, log_tracebacks=traced), catalog)
        with pytest.raises(Exception, match=r"blank_page|exception"):
            Attempt(claim, claims=claims, workshop=workshop).run(SimpleNamespace())  # type: ignore[arg-type]
    finally:
        deployment.close()
    line = log.of("ended")
    assert (line["level"], "traceback" in line) == (level, has_traceback and traced)
    assert "secret" not in str(log.lines)


def test_a_killed_process_is_the_reason(deployment: Deployment, log: Log) -> None:
    claim = deployment.start(submitted(deployment))
    claims_of(deployment).complete(claim, died(claim, "killed by SIGKILL", catalog=catalog_of(*JOB_TYPES)))
    line = log.of("ended")
    assert (line["level"], line["state"], line["code"]) == ("error", "failed", "killed")
    assert line["reason"] == "The process that ran the job ended: killed by SIGKILL."


def test_an_outcome_that_comes_too_late_is_a_warning(deployment: Deployment, log: Log) -> None:
    claim = deployment.start(submitted(deployment))
    deployment.end(claim, b"1")
    deployment.end(msgspec.structs.replace(claim, token="another"), b"2")
    assert log.of("refused")["level"] == "warning"
    assert log.of("refused")["state"] == "succeeded"


def test_a_job_whose_worker_is_gone_is_told_with_what_became_of_it(brief: Deployment, log: Log) -> None:
    job_id = submitted(brief, "AI_PREVIEW")
    brief.start(job_id)
    line = reaped(brief, log, "lost")
    assert (line["level"], line["job_id"], line["attempt"], line["state"]) == ("warning", job_id, 1, "queued")
    assert line["request_id"] == "r-1"


def test_a_damaged_record_is_told_of_as_far_as_it_goes(brief: Deployment, log: Log) -> None:
    job_id = submitted(brief)
    brief.start(job_id)
    brief.redis.hset(keys.record(job_id), mapping={"attempt": "many", "type": b"\xff", "traceparent": "-"})
    assert reaped(brief, log, "lost")["attempt"] == 0


@pytest.mark.parametrize("read", ["poll", "many", "result"])
def test_what_was_read_after_its_end_does_not_expire_unread(brief: Deployment, log: Log, read: str) -> None:
    unread, known, cancelled = (submitted(brief) for _ in range(3))
    brief.get(f"/jobs/{known}")
    brief.post(f"/jobs/{cancelled}/cancel")
    brief.succeed(unread)
    brief.succeed(known)
    paths = {"poll": f"/jobs/{known}", "many": f"/jobs?id={known}", "result": f"/jobs/{known}/result"}
    assert brief.get(paths[read]).status_code == 200
    assert brief.redis.zrange(f"{keys.PREFIX}unread", 0, -1) == [unread.encode()]
    brief.redis.zadd(f"{keys.PREFIX}unread", {unread: 1})
    line = reaped(brief, log, "expired_unread")
    assert (line["job_id"], line["state"], line["request_id"]) == (unread, "succeeded", "r-1")
    assert not brief.redis.exists(f"{keys.PREFIX}unread")


def test_a_list_is_no_reading_of_a_result_and_a_delete_needs_none(brief: Deployment) -> None:
    job_id = submitted(brief)
    brief.succeed(job_id)
    assert brief.get("/jobs").json()["jobs"]
    assert brief.redis.zcard(f"{keys.PREFIX}unread") == 1
    brief.request("DELETE", f"/jobs/{job_id}")
    assert not brief.redis.exists(f"{keys.PREFIX}unread")


def documented(heading: str) -> set[str]:
    section = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_every_event_and_field_is_documented_and_no_other(brief: Deployment, log: Log) -> None:
    """Each event, made once; then what was seen is what stands in the tables."""
    lost = submitted(brief, traceparent=TRACE)
    brief.start(lost)
    reaped(brief, log, "lost")
    claims, catalog = claims_of(brief), catalog_of(*JOB_TYPES)
    waiting, running, ended = (submitted(brief, idempotency_key=key) for key in "abc")
    submitted(brief, idempotency_key="a")
    claim = brief.start(running)
    for job_id in (waiting, running):
        brief.post(f"/jobs/{job_id}/cancel")
    claims.complete(claim, Outcome(kind=Ending.RELEASED))
    brief.request("DELETE", f"/jobs/{waiting}")
    claim = brief.start(ended)
    outcome = died(claim, "killed", catalog=catalog)
    claims.complete(claim, msgspec.structs.replace(outcome, error=ValueError()))
    claims.complete(msgspec.structs.replace(claim, token="other"), outcome)
    brief.redis.zadd(f"{keys.PREFIX}unread", {ended: 1})
    brief.post(f"/jobs/{ended}/rerun")
    brief.retry(submitted(brief, "AI_PREVIEW"), delay_s=5)
    brief.get("/nothing")
    brief.redis.zadd(f"{keys.PREFIX}unread", {ended: 1})
    reaped(brief, log, "expired_unread")
    assert {line["event"] for line in log.lines if "event" in line} == documented("Events")
    assert {name for line in log.lines for name in line} == documented("Fields")
    for line in log.lines:
        if line.get("event") in ("started", "retried", "ended", "lost"):
            assert set(line) >= OF_THE_JOB - {"trace_id"}, line
