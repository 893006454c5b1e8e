"""Server-sent events: a job until its end, all jobs of a caller; taken up again where they broke off."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import pytest

from pollable.cli import issued_tokens
from pollable.cli.embedded import Private
from pollable.http import events
from pollable.settings import Settings
from pollable.storage import keys
from tests.http.live import Live, live
from tests.jobs.workbench import until
from tests.keyspace import rq_job


@pytest.fixture(scope="module")
def server(emptied_redis: Private) -> Iterator[Live]:
    settings = Settings(redis_url=emptied_redis.url, auth=("tokens",), redis_risks="accepted")
    with live(settings) as made:
        yield made


@pytest.fixture
def web(server: Live, redis_url: str) -> Iterator[Live]:  # noqa: ARG001 - it empties Redis and looks for leaks
    token, _ = issued_tokens.create(server.redis, "ann", lifetime_s=600)
    server.http.headers["authorization"] = f"Bearer {token}"
    yield server
    server.have_waiting(0)


Event = tuple[str, str, Any]
"""Kind, id, data."""


class Heard:
    """A stream under way."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.events: list[Event] = []
        self.comments = 0
        self.is_over = False
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()

    def _hear(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in self.response.iter_lines():
                name, _, value = line.partition(":")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    self.events.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
                    fields = {}
        except httpx.TransportError:
            pass
        self.is_over = True

    def until(self, many: int) -> list[Event]:
        """All events, once there are so many."""
        until(lambda: len(self.events), lambda seen: seen >= many)
        return self.events

    def end(self) -> list[Event]:
        """All events, once the server has closed the stream."""
        self._thread.join(20)
        assert self.is_over
        return self.events


@contextmanager
def hearing(web: Live, path: str, **headers: str) -> Iterator[Heard]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with web.http.stream("GET", path, headers=named) as response:
        assert response.status_code == 200, response.read()
        heard = Heard(response)
        yield heard
        # Whoever leaves in the middle is noticed by the server.
        if not heard.is_over:
            response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        heard.end()


def told(heard: list[Event]) -> list[tuple[str, Any]]:
    return [
        (kind, (data["status"], data["progress"]["percent"]) if "status" in data else data) for kind, _, data in heard
    ]


def test_a_job_is_told_as_it_is_then_each_change_then_its_end(web: Live) -> None:
    job_id = web.submit()
    with hearing(web, web.http.get(f"/jobs/{job_id}").json()["links"]["events"]) as heard:
        heard.until(1)
        claim = web.start(job_id)
        heard.until(2)
        web.progress(claim, 50, "half")
        heard.until(3)
        web.end(claim)
        assert told(heard.end()) == [
            ("job", ("queued", 0)), ("job", ("running", 0)), ("job", ("running", 50)), ("job", ("succeeded", 100)),
            ("end", {}),
        ]  # fmt: skip
        shown = web.http.get(f"/jobs/{job_id}")
        assert heard.events[-2][2] == shown.json()
        assert shown.json()["links"]["events"] is None
    headers = heard.response.headers
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


def test_a_stream_is_taken_up_where_it_broke_off(web: Live) -> None:
    job_id = web.submit()
    path = f"/jobs/{job_id}/events"
    with hearing(web, path) as heard:
        last = heard.until(1)[-1][1]
    claim = None
    with hearing(web, path, last_event_id=last) as again:
        claim = web.start(job_id)
        # What was told is not told again.
        assert told(again.until(1)) == [("job", ("running", 0))]
        last = again.events[-1][1]
    web.end(claim)
    with hearing(web, path, last_event_id=last) as third:
        assert told(third.end()) == [("job", ("succeeded", 100)), ("end", {})]
    # An EventSource asks again after the end: this stops it (WHATWG HTML, section 9.2.3).
    stopped = web.http.get(path, headers={"last-event-id": third.events[0][1]})
    assert (stopped.status_code, stopped.content) == (204, b"")
    with hearing(web, path, last_event_id="something else") as fresh:
        assert [kind for kind, _, _ in fresh.end()] == ["job", "end"]


def test_refusals_come_before_a_stream_in_the_usual_words(web: Live) -> None:
    ended = web.submit()
    web.end(web.start(ended))
    assert web.http.delete(f"/jobs/{ended}").status_code == 204
    other, _ = issued_tokens.create(web.redis, "bob", lifetime_s=600)
    theirs = {"authorization": f"Bearer {other}"}
    for path, headers, status, code in (
        ("/jobs/01a201f2-cd46-746b-8434-0ed309fe11cd/events", {}, 404, "job_not_found"),
        (f"/jobs/{ended}/events", {}, 410, "job_expired"),
        (f"/jobs/{web.submit()}/events", theirs, 404, "job_not_found"),
        ("/jobs/events", {"authorization": "Bearer plb_wrong"}, 401, "invalid_token"),
    ):
        answer = web.http.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
    assert web.http.post("/jobs/events").status_code == 405


@pytest.mark.parametrize("path", ["/jobs/{}/events", "/jobs/events"])
def test_a_head_is_answered_and_waits_for_nothing(web: Live, path: str) -> None:
    answer = web.http.head(path.format(web.submit()))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.content == b""


def test_a_job_that_is_deleted_meanwhile_has_ended(web: Live) -> None:
    job_id = web.submit()
    with hearing(web, f"/jobs/{job_id}/events") as heard:
        heard.until(1)
        web.redis.delete(keys.record(job_id), rq_job(job_id))
        assert heard.end()[-1][0] == "end"


def test_something_is_said_now_and_then(web: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ALIVE_S", 0.1)
    with hearing(web, f"/jobs/{web.submit()}/events") as one, hearing(web, "/jobs/events") as all_:
        until(lambda: min(one.comments, all_.comments), lambda said: said > 3)
        assert len(one.events) == len(all_.events) == 1


def test_a_token_that_is_revoked_ends_the_stream(web: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ALIVE_S", 0.2)
    token, _ = issued_tokens.create(web.redis, "ann", lifetime_s=600)
    with hearing(web, "/jobs/events", authorization=f"Bearer {token}") as heard:
        heard.until(1)
        issued_tokens.revoke(web.redis, token)
        heard.end()


def test_all_jobs_of_the_caller_and_nobody_elses(web: Live) -> None:
    other, _ = issued_tokens.create(web.redis, "bob", lifetime_s=600)
    before = web.submit()
    with hearing(web, "/jobs/events") as heard:
        kind, _, listed = heard.until(1)[0]
        assert kind == "jobs"
        assert listed == web.http.get("/jobs").json()
        order, theirs_is = {"type": "anything", "payload": 1}, {"authorization": f"Bearer {other}"}
        theirs = web.http.post("/jobs", json=order, headers=theirs_is)
        mine = web.submit()
        heard.until(2)
        claim = web.start(mine)
        heard.until(3)
        web.progress(claim, 50, "half")
        heard.until(4)
        web.end(claim)
        shown = heard.until(5)[-1][2]
        assert shown == web.http.get("/jobs").json()["jobs"][0]
        assert web.http.delete(f"/jobs/{mine}").status_code == 204
        assert heard.until(6)[-1][::2] == ("gone", {"id": mine})
        # One from before the stream.
        web.start(before)
        heard.until(7)
    assert told(heard.events)[1:5] == [
        ("job", ("queued", 0)), ("job", ("running", 0)), ("job", ("running", 50)), ("job", ("succeeded", 100)),
    ]  # fmt: skip
    assert [data["id"] for kind, _, data in heard.events[1:]] == [mine] * 5 + [before]
    assert theirs.json()["id"] not in str(heard.events)


def test_after_an_interruption_the_list_is_told_again(web: Live) -> None:
    with hearing(web, "/jobs/events") as heard:
        heard.until(1)
        until(lambda: web.services.changes.is_listening, bool)
        web.redis.client_kill_filter(_type="pubsub")
        until(lambda: web.services.changes.is_listening, lambda hears: not hears)
        job_id = web.submit()
        kind, _, last = heard.until(2)[-1]
        assert (kind, [job["id"] for job in last["jobs"]]) in [("jobs", [job_id])] or last["id"] == job_id


def test_many_changes_of_many_jobs_are_all_told(web: Live) -> None:
    with hearing(web, "/jobs/events") as heard:
        heard.until(1)
        ids = [web.submit() for _ in range(120)]
        for job_id in ids:
            web.end(web.start(job_id))
        until(
            lambda: {data["id"] for kind, _, data in heard.events if kind == "job" and data["status"] == "succeeded"},
            lambda ended: ended == set(ids),
        )
    ended = [data["id"] for kind, _, data in heard.events if kind == "job" and data["status"] == "succeeded"]
    assert len(ended) == len(ids)


def test_past_the_limit_of_one_owner_others_still_wait(settings: Settings) -> None:
    with live(msgspec.structs.replace(settings, auth=("tokens",), max_waiters=10)) as web:
        ann, bob = (f"Bearer {issued_tokens.create(web.redis, name, lifetime_s=600)[0]}" for name in ("ann", "bob"))
        web.http.headers["authorization"] = ann
        with hearing(web, "/jobs/events"):
            assert web.http.get("/jobs/events").status_code == 503
            with hearing(web, "/jobs/events", authorization=bob):
                pass


def test_a_result_that_other_code_wrote_on_several_lines_is_one_event() -> None:
    event = events._event("job", b'{"result":\r\n{"a":\n1}}', named="x")
    assert event == b'event: job\nid: x\ndata: {"result":  {"a": 1}}\n\n'
