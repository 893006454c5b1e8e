"""`Prefer: wait=N` (RFC 7240): an answer is held back until the job is in another state, and never for nothing."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import rq
from rq.job import JobStatus

from pollable.cli.embedded import Private
from pollable.http.fields import wait_s
from pollable.settings import Settings
from pollable.storage import keys
from tests.http.calling import PROJECT_ID
from tests.http.live import Asked, Live, at_once, live, waiting_for
from tests.http.test_lifecycle import READS, SUBMITS
from tests.keyspace import put_into_project, rq_job


@pytest.fixture(scope="module")
def server(emptied_redis: Private) -> Iterator[Live]:
    with live(Settings(redis_url=emptied_redis.url, auth="none", redis_risks="accepted", foreign_jobs="read")) as made:
        yield made


@pytest.fixture
def web(server: Live, redis_url: str) -> Iterator[Live]:  # noqa: ARG001 - it empties Redis and looks for leaks
    yield server
    server.have_waiting(0)


@pytest.mark.parametrize("name", READS)
def test_an_answer_is_held_until_the_job_is_in_another_state(web: Live, name: str) -> None:
    job_id = web.submit()
    put_into_project(web.redis, job_id, PROJECT_ID)
    path = READS[name].format(id=job_id)
    before = web.http.get(path).text
    asked = waiting_for(web, path)
    claim = web.start(job_id)
    if name == "minimal":
        # Its page has one word for both.
        time.sleep(0.2)
        assert not asked.is_over
        web.end(claim)
    answer = asked.answer()
    assert at_once(asked.took_s)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.headers["vary"] == "Authorization, Prefer, Accept-Encoding"
    assert answer.text == web.http.get(path).text != before


def test_progress_is_no_other_state(web: Live) -> None:
    job_id = web.submit()
    claim = web.start(job_id)
    asked = waiting_for(web, f"/jobs/{job_id}")
    web.progress(claim, 50, "half")
    time.sleep(0.3)
    assert not asked.is_over
    web.end(claim)
    assert asked.answer().json()["status"] == "succeeded"


def test_what_has_ended_answers_at_once(web: Live) -> None:
    job_id = web.submit()
    web.end(web.start(job_id))
    asked = waiting_for(web, f"/jobs/{job_id}")
    assert asked.answer().json()["status"] == "succeeded"
    assert at_once(asked.took_s)


@pytest.mark.parametrize(("name", "status"), [("native", 404), ("plain", 200), ("record", 404), ("agent", 404)])
def test_what_is_not_there_answers_at_once(web: Live, name: str, status: int) -> None:
    asked = waiting_for(web, READS[name].format(id="01a201f2-cd46-746b-8434-0ed309fe11cd"))
    answer = asked.answer()
    assert (answer.status_code, "preference-applied" in answer.headers) == (status, False)
    assert at_once(asked.took_s)


def test_when_the_time_is_up_it_is_told_as_it_is(web: Live) -> None:
    job_id = web.submit()
    asked = waiting_for(web, f"/jobs/{job_id}", wait="wait=1")
    answer = asked.answer()
    assert answer.json()["status"] == "queued"
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.headers["retry-after"] == "1"
    assert 1 <= asked.took_s < 2.5


def test_a_head_waits_as_a_get_does(web: Live) -> None:
    job_id = web.submit()
    answer = web.http.head(f"/jobs/{job_id}", headers={"prefer": "wait=1"})
    assert (answer.headers["preference-applied"], answer.content) == ("wait=1", b"")


@pytest.mark.parametrize(("said", "seconds"), [
    ("wait=5", 5), ("wait=100", 25), ("wait=" + "9" * 30, 25), ('wait="7"', 7), ("WAIT=4", 4), ("wait = 4", 4),
    ("respond-async, wait=3", 3), ("handling=lenient;a=b, wait=3;c", 3), ("wait=2, wait=9", 2), ("wait=0", 0), ("", 0),
    ("wait", 0), ("wait=", 0), ("wait=x, wait=5", 0), ("waiting=5", 0), ("wait=-1", 0), ("wait=5.5", 0),
    ("wait=5 6", 0),
    ("handling=lenient;wait=3", 0), ("return=minimal", 0), ("wait=\u0665", 0),
])  # fmt: skip
def test_what_is_sound_counts_and_what_is_not_is_passed_over(said: str, seconds: int) -> None:
    assert wait_s({"headers": [(b"prefer", said.encode())]}) == seconds


def test_several_fields_are_one_list() -> None:
    assert wait_s({"headers": [(b"prefer", b"respond-async"), (b"accept", b"wait=9"), (b"prefer", b"wait=2")]}) == 2


def test_who_knows_it_already_is_told_what_is_new(web: Live) -> None:
    job_id = web.submit()
    claim = web.start(job_id)
    known = web.http.get(f"/jobs/{job_id}").headers["etag"]
    asked = waiting_for(web, f"/jobs/{job_id}", if_none_match=known)
    # Progress, too.
    web.progress(claim, 50, "half")
    answer = asked.answer()
    assert (answer.status_code, answer.json()["progress"]["percent"]) == (200, 50)
    assert at_once(asked.took_s)
    # Now there is something new for who knows the first.
    late = waiting_for(web, f"/jobs/{job_id}", if_none_match=known)
    assert late.answer().status_code == 200
    assert at_once(late.took_s)


def test_who_knows_it_already_and_nothing_happens_is_told_so(web: Live) -> None:
    job_id = web.submit()
    known = web.http.get(f"/jobs/{job_id}").headers["etag"]
    asked = waiting_for(web, f"/jobs/{job_id}", wait="wait=1", if_none_match=known)
    answer = asked.answer()
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, known, b"")
    assert answer.headers["preference-applied"] == "wait=1"
    assert asked.took_s >= 1


def test_an_ended_job_that_is_known_is_304_at_once(web: Live) -> None:
    job_id = web.submit()
    web.end(web.start(job_id))
    known = web.http.get(f"/jobs/{job_id}").headers["etag"]
    asked = waiting_for(web, f"/jobs/{job_id}", if_none_match=known)
    assert asked.answer().status_code == 304
    assert at_once(asked.took_s)


def test_a_job_that_is_deleted_meanwhile_is_gone(web: Live) -> None:
    job_id = web.submit()
    asked = waiting_for(web, f"/jobs/{job_id}")
    web.redis.delete(keys.record(job_id), rq_job(job_id))
    assert asked.answer().status_code == 410


def test_a_job_of_other_code_is_only_later(web: Live) -> None:
    job = rq.Queue("theirs", connection=web.redis).enqueue("math.sqrt", 4)
    asked = waiting_for(web, f"/jobs/{job.id}")
    job.set_status(JobStatus.STARTED)
    assert asked.answer().json()["status"] == "running"
    assert asked.took_s < 5
    job.delete()


def test_a_lost_message_is_only_late(web: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = web.submit()
    asked = waiting_for(web, f"/jobs/{job_id}")
    monkeypatch.setattr(web.services.waiting, "_heard", lambda _: None)
    web.redis.hset(keys.record(job_id), mapping={"state": "running", "started_at": 1, "lease_until": 1})
    assert asked.answer().json()["status"] == "running"
    assert asked.took_s < 5


@pytest.mark.parametrize("name", [*SUBMITS, "native", "managed"])
def test_a_submit_is_answered_with_the_ended_job(web: Live, name: str) -> None:
    path = SUBMITS.get(name, "/jobs" if name == "native" else "/v1/api/jobs")
    payload: dict[str, Any] = {"text": "Leaves are green."}
    body = payload if name in SUBMITS else {"type": "document_processing", "payload": payload}
    asked = Asked(lambda: web.http.post(path, json=body, headers={"prefer": "wait=20"}))
    web.have_waiting(1)
    (job_id,) = (key.decode().removeprefix("rq:job:") for key in web.redis.scan_iter("rq:job:*"))
    web.end(web.start(job_id))
    answer = asked.answer()
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    assert "retry-after" not in answer.headers
    assert answer.content == web.http.get(answer.headers["location"]).content


def test_a_wait_counts_as_one_poll(settings: Settings) -> None:
    with live(msgspec.structs.replace(settings, quota_polls=2)) as web:
        job_id = web.submit()
        asked = Asked(lambda: web.http.get(f"/jobs/{job_id}", headers={"prefer": "wait=20"}))
        web.have_waiting(1)
        claim = web.start(job_id)
        answer = asked.answer()
        assert answer.headers["ratelimit"].startswith('"polls";r=1;')
        assert web.http.get(f"/jobs/{job_id}").status_code == 200
        refused = web.http.get(f"/jobs/{job_id}", headers={"prefer": "wait=20"})
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
        web.end(claim)


def test_a_submit_that_takes_longer_is_202(web: Live) -> None:
    order = {"type": "anything", "payload": 1}
    before = time.monotonic()
    answer = web.http.post("/jobs", json=order, headers={"prefer": "wait=1", "idempotency-key": "a"})
    assert 1 <= time.monotonic() - before < 3
    assert (answer.status_code, answer.json()["status"], answer.headers["retry-after"]) == (202, "queued", "1")
    assert answer.headers["preference-applied"] == "wait=1"
    job_id = answer.json()["id"]
    web.end(web.start(job_id))
    again = web.http.post("/jobs", json=order, headers={"prefer": "wait=20", "idempotency-key": "a"})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, job_id, "succeeded")
    assert again.headers["idempotency-replayed"] == "true"
    assert time.monotonic() - before < 5


def test_a_failed_job_has_ended_too(web: Live) -> None:
    asked = Asked(
        lambda: web.http.post("/jobs", json={"type": "anything", "payload": 1}, headers={"prefer": "wait=20"})
    )
    web.have_waiting(1)
    (job_id,) = (key.decode().removeprefix("rq:job:") for key in web.redis.scan_iter("rq:job:*"))
    web.http.post(f"/jobs/{job_id}/cancel")
    answer = asked.answer()
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
