"""One job followed by its request's id, from the request to its end, in what web and worker log."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.followed import WORD
from tests.system.running import Running, is_ready, procfile_running, until
from tests.worker.durable import DurableRedis

HONCHO = re.compile(r"\d\d:\d\d:\d\d (system|web\.1|worker\.1) +\| (.*)")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
SECRET = "a payload that is nobody's business"


@pytest.fixture
def durable(redis_program: Path) -> Iterator[DurableRedis]:
    redis = DurableRedis(redis_program)
    redis.start()
    yield redis
    redis.close()


@pytest.fixture
def service(durable: DurableRedis, tmp_path: Path) -> Iterator[Running]:
    """The Procfile's processes."""
    settings = {
        "REDIS_URL": durable.url,
        "POLLABLE_HOST": "127.0.0.1",
        "POLLABLE_JOBS": "tests.system.followed",
        WORD: str(tmp_path / "word"),
    }
    with procfile_running(log=tmp_path / "log", settings=settings) as service:
        until(lambda: is_ready(service))
        yield service


def lines_of(service: Running) -> list[dict[str, Any]]:
    """What web and worker wrote, each line with the process it is of; anything but JSON fails the test."""
    found = [HONCHO.fullmatch(line) for line in service.log.splitlines()]
    assert all(found), service.log
    said = [(line[1], line[2]) for line in found if line is not None and line[1] != "system"]
    return [{"process": process.partition(".")[0], **json.loads(text)} for process, text in said]


def test_one_job_is_followed_by_its_request_through_a_retry_and_a_restart_of_redis(
    service: Running, durable: DurableRedis, tmp_path: Path
) -> None:
    headers = {"X-Request-ID": "order-4711", "traceparent": TRACE}
    answer = service.http.post("/jobs", json={"type": "follow", "payload": SECRET}, headers=headers)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    until(lambda: "from a thread" in service.log)
    with_redis_away(service, durable, job_id, then=(tmp_path / "word").touch)
    ended = until_ended(service, job_id)
    assert ended["result"] == {"request_id": "order-4711", "traceparent": TRACE}
    service.stop()

    lines = lines_of(service)
    assert all(TIME.fullmatch(line["time"]) for line in lines)
    assert SECRET not in service.log
    followed = [line for line in lines if line.get("request_id") == "order-4711"]
    assert [(line["process"], line.get("event", line["logger"])) for line in followed] == [
        ("web", "accepted"),
        ("worker", "started"),
        ("worker", "followed"),
        ("worker", "py.warnings"),
        ("worker", "retried"),
        ("worker", "started"),
        ("worker", "followed"),
        ("worker", "py.warnings"),
        ("worker", "followed"),
        ("worker", "ended"),
    ]
    assert {line["job_id"] for line in followed} == {job_id}
    assert {line["trace_id"] for line in followed} == {"a" * 32}
    assert [line["attempt"] for line in followed[1:]] == [1] * 4 + [2] * 5
    retried = followed[4]
    assert (retried["level"], retried["code"], retried["retry_in_s"]) == ("info", "not_yet", 0)
    assert not any("traceback" in line for line in followed)
    assert followed[-1]["state"] == "succeeded"
    assert [line["code"] for line in lines if line["logger"] == "pollable.access"][:1] == ["store_unavailable"]


def with_redis_away(service: Running, durable: DurableRedis, job_id: str, *, then: Callable[[], None]) -> None:
    """Kill Redis, go on, and start it again once both processes have missed it."""
    durable.kill()
    then()
    until(lambda: service.http.get(f"/jobs/{job_id}").status_code == 503)
    until(lambda: "Redis is away" in service.log)
    durable.start()


def until_ended(service: Running, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        answer = service.http.get(f"/jobs/{job_id}")
        if answer.status_code == 200 and answer.json()["status"] in ("succeeded", "failed"):
            return dict(answer.json())
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
