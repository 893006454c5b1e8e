"""Readiness goes by what is so now: whether Redis takes writes, who lives, what Redis may lose."""

import calendar
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from pollable.cli.embedded import Private
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from tests.http.calling import JOB_TYPES, Deployment, catalog_of
from tests.worker.waiting import until


@pytest.fixture
def server(redis_program: Path) -> Iterator[Private]:
    """A Redis that a test may spoil."""
    private = Private(redis_program)
    yield private
    private.close()


@pytest.fixture
def client(server: Private) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def reads_alone(server: Private) -> Iterator[Deployment]:
    """A process without job types, which needs no workers."""
    settings = Settings(redis_url=server.url, auth="none", foreign_jobs="read", redis_risks="accepted")
    deployment = Deployment(settings, catalog=catalog_of())
    yield deployment
    deployment.close()


REFUSING: dict[str, Callable[[redis.Redis], Any]] = {
    "a replica": lambda client: client.replicaof("127.0.0.1", "1"),
    "a full one": lambda client: client.config_set("maxmemory", "1"),
    "one without its replicas": lambda client: client.config_set("min-replicas-to-write", "1"),
}


@pytest.mark.parametrize("refusing", REFUSING)
def test_a_redis_that_refuses_writes_is_not_ready(client: redis.Redis, reads_alone: Deployment, refusing: str) -> None:
    assert reads_alone.get("/readyz").status_code == 200
    REFUSING[refusing](client)
    until(lambda: reads_alone.get("/readyz").status_code == 503, within_s=20, what="the refusal noticed")
    # Asked again at once, it says the same.
    answer = reads_alone.get("/readyz")
    assert answer.json()["code"] == ("store_full" if refusing == "a full one" else "store_readonly")
    assert int(answer.headers["retry-after"]) > 0
    client.replicaof("NO", "ONE")
    client.config_set("maxmemory", "0")
    client.config_set("min-replicas-to-write", "0")
    until(lambda: reads_alone.get("/readyz").status_code == 200, within_s=20, what="writes are taken again")


def test_however_often_it_is_asked_it_writes_once_a_second(client: redis.Redis, reads_alone: Deployment) -> None:
    def written() -> int:
        return int(client.info("commandstats").get("cmdstat_set", {}).get("calls", 0))

    before, began_at = written(), time.monotonic()
    for _ in range(50):
        assert reads_alone.get("/readyz").status_code == 200
    assert 1 <= written() - before <= 1 + (time.monotonic() - began_at)


def test_what_redis_may_lose_is_told_and_takes_nothing_out_of_service(server: Private, client: redis.Redis) -> None:
    client.config_set("maxmemory-policy", "allkeys-lru")
    settings = Settings(redis_url=server.url, auth="none", foreign_jobs="read")
    deployment = Deployment(settings, catalog=catalog_of())
    answer = deployment.get("/readyz")
    told = {each["risk"]: each["remedy"] for each in answer.json()["risks"]}
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(told) - {"scripts"} == {"eviction", "persistence"}
    assert told["eviction"] == "set maxmemory-policy noeviction"
    # Who asks here has shown no credentials.
    assert "7.0.15" not in answer.text
    deployment.close()


def test_workers_that_were_given_something_else_are_told(settings: Settings) -> None:
    deployment = Deployment(settings, catalog=catalog_of(JOB_TYPES[0]))
    script = deployment.redis.register_script(source("announce"))
    name = JOB_TYPES[0].name
    script(args=[keys.PREFIX, keys.RQ_PREFIX, f"{name}=0123456789abcdef", *settings.queues, "urgent"])
    answer = deployment.get("/readyz")
    assert answer.status_code == 200
    assert [each["risk"] for each in answer.json()["risks"]] == ["queues", "catalog"]
    deployment.close()


@pytest.fixture
def one_queue(settings: Settings) -> Iterator[Deployment]:
    deployment = Deployment(msgspec.structs.replace(settings, queues=("pollable",)), catalog=catalog_of(JOB_TYPES[0]))
    yield deployment
    deployment.close()


def readiness(deployment: Deployment) -> int:
    return deployment.get("/readyz").status_code


@pytest.mark.parametrize(
    ("heartbeat", "is_seen"),
    [(0, True), (15, True), (25, False), (100_000, False), (None, False)],
    ids=["now", "15 s", "25 s", "a day", "none"],
)
def test_a_stock_worker_is_seen_by_its_heartbeat(one_queue: Deployment, heartbeat: int | None, is_seen: bool) -> None:
    now_s = int(one_queue.redis.time()[0])
    said = "" if heartbeat is None else time.strftime("%Y-%m-%dT%H:%M:%S.5Z", time.gmtime(now_s - heartbeat))
    one_queue.redis.hset("rq:worker:w", mapping={"birth": "2026-01-01T00:00:00Z", "last_heartbeat": said})
    one_queue.redis.expire("rq:worker:w", 60)
    one_queue.redis.sadd("rq:workers:pollable", "rq:worker:w")
    assert readiness(one_queue) == (200 if is_seen else 503)


@pytest.mark.parametrize("day", ["2024-02-29", "2025-03-01", "2026-12-31", "2100-03-01", "2000-01-01"])
def test_every_day_of_the_calendar_is_known(redis_client: redis.Redis, day: str) -> None:
    script = source("workers") + "return tostring(moment_ms(ARGV[3]))"
    reply = redis_client.eval(script, 0, keys.PREFIX, keys.RQ_PREFIX, f"{day}T23:59:58.123456Z")
    expected = time.strptime(f"{day} 23:59:58 +0000", "%Y-%m-%d %H:%M:%S %z")
    assert float(reply) == calendar.timegm(expected) * 1000
