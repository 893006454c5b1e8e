"""Many who wait: those who leave, those for whom there is no room, a Redis that goes away, a server that ends."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from pollable.jobs import waiting
from pollable.settings import Settings
from pollable.settings.limits import waiters_of
from tests.http.live import Asked, Live, at_once, live, waiting_for
from tests.jobs.workbench import until
from tests.worker.durable import DurableRedis


@pytest.fixture
def web(settings: Settings) -> Iterator[Live]:
    with live(settings) as made:
        yield made


def test_a_thousand_who_leave_leave_nothing_behind(web: Live) -> None:
    job_id = web.submit()
    request = f"GET /jobs/{job_id} HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=25\r\n\r\n".encode()
    stream = f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    feed = b"GET /jobs/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    clients = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(1000)]
    for number, client in enumerate(clients):
        client.sendall((request, stream, feed)[number % 3])
    web.have_waiting(1000)
    for number, client in enumerate(clients):
        if number % 2:
            # As a client that is killed: a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    web.have_waiting(0)
    assert web.services.waiting._by == {}
    assert web.services.feeds._by_owner == {}


def test_past_the_limit_a_wait_answers_at_once_and_a_stream_is_refused(settings: Settings) -> None:
    with live(msgspec.structs.replace(settings, max_waiters=2)) as web:
        job_id = web.submit()
        held = [waiting_for(web, f"/jobs/{job_id}", wait="wait=3") for _ in range(2)]
        began = time.monotonic()
        answer = web.http.get(f"/jobs/{job_id}", headers={"prefer": "wait=20"})
        assert (answer.status_code, "preference-applied" in answer.headers) == (200, False)
        for path in (f"/jobs/{job_id}/events", "/jobs/events"):
            refused = web.http.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_waiting")
            assert refused.headers["retry-after"] == "5"
        submitted = web.http.post("/jobs", json={"type": "anything", "payload": 1}, headers={"prefer": "wait=20"})
        assert (submitted.status_code, "preference-applied" in submitted.headers) == (202, False)
        assert at_once(time.monotonic() - began)
        assert [each.answer().status_code for each in held] == [200, 200]


def test_they_go_on_through_a_restart_of_redis(
    redis_program: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that they look while it is away.
    monkeypatch.setattr(waiting, "LOOK_S", 0.2)
    with closing(DurableRedis(redis_program)) as durable:
        durable.start()
        with live(msgspec.structs.replace(settings, redis_url=durable.url)) as web:
            job_ids = [web.submit() for _ in range(5)]
            held = [waiting_for(web, f"/jobs/{job_id}") for job_id in job_ids]
            durable.kill()
            until(lambda: web.services.changes.is_listening, lambda hears: not hears)
            time.sleep(1)
            assert not any(each.is_over for each in held)
            durable.start()
            # Told of what happens before it hears again, and after.
            web.start(job_ids[0])
            until(lambda: web.services.changes.is_listening, bool)
            for job_id in job_ids[1:]:
                web.start(job_id)
            assert {each.answer().json()["status"] for each in held} == {"running"}


def test_all_are_answered_and_all_streams_closed_when_the_server_is_told_to_end(settings: Settings) -> None:
    with live(settings) as web:
        job_id = web.submit()
        paths = (f"/jobs/{job_id}/events", "/jobs/events")
        held = [waiting_for(web, f"/jobs/{job_id}", connection="close") for _ in range(3)]
        streams = [Asked(partial(web.http.get, path, headers={"connection": "close"})) for path in paths]
        web.have_waiting(5)
        began = time.monotonic()
        web.server.handle_exit(signal.SIGTERM, None)
        answers = [each.answer() for each in (*held, *streams)]
        assert time.monotonic() - began < 1
        assert {each.json()["status"] for each in answers[:3]} == {"queued"}
        assert all("event: end" not in each.text for each in answers[3:])


def test_nobody_begins_to_wait_once_that_is_over(settings: Settings) -> None:
    with live(settings) as web:
        web.services.waiting.close()
        asked = waiting_for(web, f"/jobs/{web.submit()}")
        assert "preference-applied" not in asked.answer().headers
        assert at_once(asked.took_s)


def test_a_quarter_of_the_connections_is_for_those_who_do_not_wait(settings: Settings) -> None:
    assert waiters_of(msgspec.structs.replace(settings, max_connections=8)) == 6
    assert waiters_of(msgspec.structs.replace(settings, max_connections=8, max_waiters=5)) == 5
