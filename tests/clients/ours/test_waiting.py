"""How a wait goes: held by the service where it does that, else at the pace that it sets; and through its restarts."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pollable.cli.embedded import Private
from pollable.client import Client, Snapshot
from tests.clients.conftest import common, listens
from tests.clients.ours.between import Between, answers, hurries, streams
from tests.clients.ours.conftest import Make
from tests.clients.people import SECRET, TEXT, token
from tests.system.running import Running, free_port, running, until

SLOW = {"text": TEXT, "questions": 3, "pace_s": 1}


def test_a_wait_is_held_where_the_service_holds_it(client: Client, way: Between) -> None:
    job = client.submit("generate_assessment", SLOW)
    began = time.monotonic()
    assert job.result(timeout=60)["mcqs"]
    # A few states, and nothing asked in between.
    assert len(way.took("GET")) <= 4
    assert way.took("GET")[0].headers["prefer"] == "wait=25"
    assert time.monotonic() - began < 20


def test_no_more_is_asked_for_than_there_is_time(client: Client, way: Between) -> None:
    job = client.submit("nap", 1, delay=600)
    with pytest.raises(TimeoutError):
        job.wait(timeout=2.5)
    assert way.took("GET")[0].headers["prefer"] == "wait=2"
    assert len(way.took("GET")) <= 3


def test_a_service_that_says_that_it_holds_and_does_not_is_not_flooded(client: Client, way: Between) -> None:
    def pretends(between: Between, handler: Any) -> None:
        response = between.ask(handler)
        handler.answer(response.status_code, {"preference-applied": "wait=25"}, response.content)

    way.fail(*[pretends] * 1000, at="GET")
    job = client.submit("nap", 1, delay=600)
    with pytest.raises(TimeoutError):
        job.wait(timeout=4)
    assert len(way.took("GET")) <= 6


def test_else_it_asks_as_often_as_the_service_says(client: Client, way: Between) -> None:
    way.fail(*[hurries] * 100, at="GET")
    assert client.submit("generate_assessment", SLOW).result(timeout=60)["mcqs"]
    times = [asked.at for asked in way.took("GET")]
    assert len(times) >= 2
    assert all(later - earlier >= 1 for earlier, later in pairwise(times))


def test_a_run_asks_for_the_ended_job_with_its_submit(client: Client, way: Between) -> None:
    def ends(between: Between, handler: Any) -> None:
        accepted = between.ask(handler)
        path, headers = accepted.headers["location"], {"authorization": handler.headers["authorization"]}
        until(lambda: between.upstream.get(path, headers=headers).json()["status"] == "succeeded")
        handler.answer(200, {}, between.upstream.get(path, headers=headers).content)

    way.fail(ends, at="POST")
    assert client.run("nap", 0.2, timeout=30) == "rested"
    (asked,) = way.asked
    assert int(asked.headers["prefer"].removeprefix("wait=")) in (24, 25)


def test_a_stream_of_the_service_itself_tells_each_change(make: Make, service: Running) -> None:
    client = make(service.url, token("listener"))
    job = client.submit("generate_assessment", SLOW)
    told: list[Snapshot] = list(client.events(job))
    assert [each.state for each in told][-1] == "succeeded"
    assert len({each.progress.percent for each in told}) > 2
    assert told[-1].links["events"] is None


def test_a_stream_of_events_is_followed_where_there_is_one(client: Client, way: Between) -> None:
    job = client.submit("nap", 1, delay=600)
    way.fail(
        streams(
            {},
            {"status": "running", "progress": {"percent": 0, "message": None}},
            {"status": "running", "progress": {"percent": 50, "message": "half"}},
            {"status": "running", "progress": {"percent": 50, "message": "half"}},
            {"status": "succeeded", "progress": {"percent": 100, "message": None}},
        ),
        at="/events",
    )
    told = [(each.state, each.progress.percent) for each in client.events(job)]
    assert told == [("scheduled", 0), ("running", 0), ("running", 50), ("succeeded", 100)] or told == [
        ("scheduled", 0),
        ("scheduled", 0),
        *[("running", 0), ("running", 50), ("succeeded", 100)],
    ]
    assert [asked.path for asked in way.took("GET")] == [f"/jobs/{job.id}", f"/jobs/{job.id}/events"]
    assert way.took("/events")[0].headers["authorization"].startswith("Bearer ")


def test_a_stream_that_breaks_is_taken_up_again(client: Client, way: Between) -> None:
    job = client.submit("nap", 1, delay=600)
    way.fail(streams({"status": "running"}, breaks=True), streams({"status": "failed"}), at="/events")
    told = [each.state for each in client.events(job.id)]
    assert (told[0], told[-1]) == ("scheduled", "failed")
    assert "running" in told
    assert len(way.took("/events")) == 2


def test_changes_are_asked_for_where_the_stream_is_not_there(client: Client, way: Between) -> None:
    job = client.submit("generate_assessment", SLOW)
    way.fail(*[answers(404)] * 100, at="/events")
    assert [each.state for each in client.events(job)][-1] == "succeeded"
    assert len(way.took("/events")) <= 1


def test_what_goes_through_changes_may_leave_early(client: Client, way: Between) -> None:
    job = client.submit("nap", 1, delay=600)
    way.fail(streams({"status": "running"}, {"status": "succeeded"}), at="/events")
    told: Iterator[Snapshot] = client.events(job)
    next(told)
    next(told)
    told.close()  # type: ignore[attr-defined] # it is a generator
    assert job.status().state == "scheduled"


@pytest.fixture
def start(own_redis: Private, service: Running, tmp_path: Path) -> Iterator[Callable[[], Running]]:
    """Starts a web process of the test's own, always at one address; the worker is the service's."""
    assert listens(service)
    port = str(free_port())
    settings = {**common(own_redis.url), "POLLABLE_AUTH": "jwt", "POLLABLE_JWT_SECRET": SECRET}
    settings |= {"PORT": port, "POLLABLE_HOST": "127.0.0.1"}
    command, url = [sys.executable, "-m", "pollable", "serve"], f"http://127.0.0.1:{port}"
    with ExitStack() as stack:

        def started() -> Running:
            web = stack.enter_context(running(command, url=url, log=tmp_path / "web.log", settings=settings))
            until(lambda: listens(web))
            return web

        yield started


def test_a_wait_outlives_a_web_process_that_is_killed(make: Make, start: Callable[[], Running]) -> None:
    web = start()
    client = make(web.url, token("patient"))
    job = client.submit("generate_assessment", {**SLOW, "pace_s": 2})

    def replace() -> None:
        until(lambda: job_of(web, job.id)["status"] == "running")
        web.process.kill()
        web.process.wait()
        time.sleep(1.5)
        start()

    replacing = threading.Thread(target=replace)
    replacing.start()
    result = job.result(timeout=90)
    replacing.join()
    assert len(result["mcqs"]) == 3


def job_of(web: Running, job_id: str) -> Any:
    return web.http.get(f"/jobs/{job_id}", headers={"authorization": f"Bearer {token('patient')}"}).json()
