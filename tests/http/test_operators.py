"""What operators see, and nobody else: everyone's jobs, and how the queues are and were."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator

from pollable.auth.principal import owner_of
from pollable.jobs import reaper
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from tests.http.calling import Deployment
from tests.http.test_openapi import response_schema
from tests.http.test_owners import ADMIN, OWNER, SECRET, STRANGER, bearer, submitted


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    yield running
    running.close()


@pytest.fixture
def two(deployment: Deployment) -> tuple[str, str]:
    """A job of the owner's, and a newer one of the stranger's."""
    next_millisecond(deployment)
    theirs = submitted(deployment)
    next_millisecond(deployment)
    answer = deployment.post("/jobs", {"type": "anything", "payload": 1}, authorization=STRANGER)
    return theirs, str(answer.json()["id"])


def next_millisecond(deployment: Deployment) -> None:
    """Wait until Redis' clock shows another, by which jobs are in order."""
    began = now_ms(deployment)
    while now_ms(deployment) == began:
        pass


def now_ms(deployment: Deployment) -> int:
    told: Any = deployment.redis.time()
    return int(told[0]) * 1000 + int(told[1]) // 1000


def listed(deployment: Deployment, query: str, authorization: str = ADMIN) -> dict[str, Any]:
    answer = deployment.get(f"/jobs?{query}", authorization=authorization)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_everyones_jobs_come_newest_first_with_whose_they_are(deployment: Deployment, two: tuple[str, str]) -> None:
    body = listed(deployment, "owner=*")
    assert list(body) == ["jobs", "cursor", "owners"]
    assert [job["id"] for job in body["jobs"]] == [two[1], two[0]]
    first, second = body["owners"]
    assert first != second
    # Whose they are is a word that the same list takes.
    assert [job["id"] for job in listed(deployment, f"owner={second}")["jobs"]] == [two[0]]
    # A job alone, and one's own list, are as ever.
    assert list(listed(deployment, "limit=5")) == ["jobs", "cursor"]
    assert listed(deployment, "limit=5") == {"jobs": [], "cursor": None}


def test_pages_of_everyones_jobs_follow_each_other(deployment: Deployment, two: tuple[str, str]) -> None:
    answer = deployment.get("/jobs?owner=*&limit=1", authorization=ADMIN)
    assert [job["id"] for job in answer.json()["jobs"]] == [two[1]]
    more = httpx.Response(200, headers={"link": answer.headers["link"]}).links["next"]["url"]
    body = deployment.get(more, authorization=ADMIN).json()
    assert ([job["id"] for job in body["jobs"]], len(body["owners"]), body["cursor"]) == ([two[0]], 1, None)


def test_everyones_jobs_are_filtered(deployment: Deployment, two: tuple[str, str]) -> None:
    deployment.succeed(two[0])
    assert [job["id"] for job in listed(deployment, "owner=*&status=succeeded&type=anything")["jobs"]] == [two[0]]
    assert deployment.request("DELETE", f"/jobs/{two[0]}", headers={"authorization": ADMIN}).status_code == 204
    assert [job["id"] for job in listed(deployment, "owner=*")["jobs"]] == [two[1]]


STRANGERS = {
    "a reader": STRANGER,
    "a reader alone": bearer("stranger", "jobs:read"),
    "an admin who may not read": bearer("admin", "jobs:admin"),
    "an admin who may only write": bearer("admin", "jobs:admin jobs:write"),
}


@pytest.mark.parametrize("path", ["/jobs?owner=*", "/jobs?owner=" + "0" * 32, "/jobs?owner=anonymous", "/queues"])
@pytest.mark.parametrize("who", STRANGERS)
def test_it_takes_both_scopes(deployment: Deployment, two: tuple[str, str], who: str, path: str) -> None:
    before = deployment.dump()
    answer = deployment.get(path, authorization=STRANGERS[who])
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert "insufficient_scope" in answer.headers["www-authenticate"]
    assert two[0] not in answer.text
    assert deployment.get(path).status_code == 401
    assert deployment.dump() == before


def test_ones_own_name_needs_no_more_than_reading(deployment: Deployment, two: tuple[str, str]) -> None:
    *_, owner = listed(deployment, "owner=*")["owners"]
    assert owner == deployment.redis.hget(keys.record(two[0]), "owner").decode()  # type: ignore[union-attr]
    assert len(owner) == len(owner_of("", "owner"))
    assert [job["id"] for job in listed(deployment, f"owner={owner}", OWNER)["jobs"]] == [two[0]]


@pytest.mark.parametrize("owner", ["", "**", "alice", "..", "owner:x", "0" * 31, "A" * 32, "%00"])
def test_what_names_no_owner_is_refused(deployment: Deployment, owner: str) -> None:
    answer = deployment.get(f"/jobs?owner={owner}", authorization=ADMIN)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert "`owner`" in answer.json()["detail"]


@pytest.mark.parametrize("query", ["owner=*&owner=*", "owner=*&id=a"])
def test_an_owner_is_named_once_and_not_beside_ids(deployment: Deployment, query: str) -> None:
    assert deployment.get(f"/jobs?{query}", authorization=ADMIN).status_code == 400


def test_where_nobody_is_told_apart_nobody_is_an_operator(settings: Settings) -> None:
    unguarded = Deployment(settings)
    assert [unguarded.get(path).status_code for path in ("/queues", "/jobs?owner=*")] == [404, 400]
    unguarded.close()


def queues(deployment: Deployment) -> dict[str, dict[str, Any]]:
    answer = deployment.get("/queues", authorization=ADMIN)
    assert answer.status_code == 200, answer.text
    Draft202012Validator(response_schema(described_to(deployment), "get", "/queues", "200")).validate(answer.json())
    return {each.pop("name"): each for each in answer.json()["queues"]}


def described_to(deployment: Deployment) -> dict[str, Any]:
    document: dict[str, Any] = deployment.get("/openapi.json", authorization=ADMIN).json()
    return document


def test_the_queues_are_told_as_they_are(deployment: Deployment) -> None:
    submitted(deployment)
    submitted(deployment, delay=3600)
    submitted(deployment, queue="pollable-high")
    deployment.start(submitted(deployment))
    next_millisecond(deployment)
    told = queues(deployment)
    assert list(told) == list(deployment.settings.queues)
    shown = {name: (each["depth"], each["scheduled"], each["running"]) for name, each in told.items()}
    assert shown == {"pollable-high": (1, 0, 0), "pollable": (1, 1, 1), "pollable-low": (0, 0, 0)}
    assert 0 < told["pollable"]["oldestWaitingS"] < 60
    assert told["pollable-low"]["oldestWaitingS"] is None


def test_workers_are_counted_while_they_live(deployment: Deployment) -> None:
    client, now = deployment.redis, datetime.now().astimezone().isoformat()
    seen: dict[str, dict[Any, Any]] = {
        "idle": {"birth": now, "last_heartbeat": in_utc(), "state": "idle"},
        "busy": {"birth": now, "last_heartbeat": in_utc(), "state": "busy"},
        "silent": {"birth": now, "last_heartbeat": "2026-01-01T00:00:00.000000Z", "state": "busy"},
        "dead": {"birth": now, "death": now, "last_heartbeat": in_utc(), "state": "idle"},
        "gone": {},
    }
    for name, told in seen.items():
        client.sadd("rq:workers:pollable", f"rq:worker:{name}")
        if told:
            client.hset(f"rq:worker:{name}", mapping=told)
            client.expire(f"rq:worker:{name}", 60)
    told_of = queues(deployment)
    assert (told_of["pollable"]["workers"], told_of["pollable"]["busyWorkers"]) == (2, 1)
    assert told_of["pollable-high"]["workers"] == 0


def in_utc() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_the_last_hour_is_told_oldest_first(deployment: Deployment) -> None:
    script = deployment.redis.register_script(source("reap"))
    arguments = reaper.arguments(deployment.settings, lease_ms=60_000, every_ms=0)
    # The application's own reaper may have noted the first.
    deployment.redis.delete(f"{keys.PREFIX}history")
    for depth in range(3):
        if depth:
            submitted(deployment)
        deployment.redis.hset(f"{keys.PREFIX}reaper", "noted_at", 0)
        next_millisecond(deployment)
        script(args=arguments)
    # Another deployment of the prefix has another queue.
    deployment.redis.zadd(f"{keys.PREFIX}history", {"1 theirs 5 1000": now_ms(deployment)})
    history = queues(deployment)["pollable"]["history"]
    assert [point["depth"] for point in history] == [0, 1, 2]
    assert history[0]["oldestWaitingS"] is None
    assert history[1]["oldestWaitingS"] < history[2]["oldestWaitingS"]
    times = [datetime.fromisoformat(point["at"]) for point in history]
    assert times == sorted(times)


def test_what_others_spoilt_is_no_500(deployment: Deployment) -> None:
    client = deployment.redis
    for key in ("rq:pollable:history", "rq:pollable:pending:pollable", "rq:pollable:leases", "rq:workers:pollable"):
        client.delete(key)
        client.set(key, "x", ex=60)
    assert queues(deployment)["pollable"] == {
        "depth": 0, "oldestWaitingS": None, "scheduled": 0, "running": 0, "workers": 0, "busyWorkers": 0, "history": []
    }  # fmt: skip


def test_both_are_described(deployment: Deployment) -> None:
    document = described_to(deployment)
    assert "owner" in [each.get("name") for each in document["paths"]["/jobs"]["get"]["parameters"]]
    assert document["paths"]["/queues"]["get"]["security"] == [{"bearer": ["jobs:admin"]}]
