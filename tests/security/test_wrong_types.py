"""A key that is of another type than Redis should have there spoils no other job of its batch, and is never a 500.

The exceptions are the job's own record and the owner's list: who reads these is told that they are damaged.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import msgspec
import pytest
import redis
from rq import Queue

from pollable.settings import Settings
from pollable.storage import keys
from tests.http.calling import PROJECT_ID, Deployment
from tests.http.test_lifecycle import READS

STATES = ("queued", "scheduled", "running", "succeeded", "failed", "theirs", "their running")
OWNER = "anonymous"
QUEUE = "pollable"

KEYS: dict[str, str] = {
    "record": "rq:pollable:job:{id}",
    "rq hash": "rq:job:{id}",
    "results": "rq:results:{id}",
    "executions": "rq:executions:{id}",
    "execution": "rq:execution:{id}:e",
    "wip": "rq:wip:" + QUEUE,
    "scheduled": "rq:scheduled:" + QUEUE,
    "queue": "rq:queue:" + QUEUE,
    "owner index": "rq:pollable:owner:{owner}",
    "types": "rq:pollable:types:" + QUEUE,
    "pending": "rq:pollable:pending:" + QUEUE,
    "leases": "rq:pollable:leases",
    "polls": "rq:pollable:limit:polls:{owner}",
    "reads": "rq:pollable:limit:reads:{owner}",
}
TYPES: Mapping[str, Callable[[redis.Redis, str], object]] = {
    "string": lambda client, key: client.set(key, "x"),
    "number": lambda client, key: client.set(key, "17"),
    "list": lambda client, key: client.rpush(key, "x"),
    "set": lambda client, key: client.sadd(key, "x"),
    "sorted set": lambda client, key: client.zadd(key, {"x": 1}),
    "hash": lambda client, key: client.hset(key, "x", "1"),
    "stream": lambda client, key: client.xadd(key, {"x": "1"}),
}


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    # So that quotas are looked at, and Redis' reaper is not what is tested.
    settings = msgspec.structs.replace(settings, foreign_jobs="read-data", quota_polls=100_000, quota_reads=100_000)
    with closing(Deployment(settings)) as running:
        yield running
        running.redis.flushall()


def job_in(deployment: Deployment, state: str) -> str:
    if state.startswith("their"):
        job = Queue(QUEUE, connection=deployment.redis).enqueue("reports.build")
        if state == "their running":
            deployment.redis.hset(job.key, mapping={"status": "started", "started_at": "2026-01-01T00:00:00.0Z"})
        return str(job.id)
    job_id = deployment.submit("anything", 1, project=PROJECT_ID, **({"delay": 3600} if state == "scheduled" else {}))
    if state == "running":
        deployment.start(job_id)
    elif state == "succeeded":
        deployment.succeed(job_id)
    elif state == "failed":
        deployment.fail(job_id)
    return job_id


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", KEYS)
def test_each_id_fails_alone_if_at_all(deployment: Deployment, name: str, kind: str) -> None:
    neighbours = [job_in(deployment, state) for state in STATES]
    spoilt = [job_in(deployment, state) for state in STATES]
    for job_id in spoilt:
        key = KEYS[name].format(id=job_id, owner=OWNER)
        deployment.redis.delete(key)
        TYPES[kind](deployment.redis, key)
    is_shared = "{id}" not in KEYS[name]
    together = deployment.get("/jobs?" + "&".join(f"id={job_id}" for job_id in (*spoilt, *neighbours)))
    assert together.status_code == 200, together.text
    found = together.json()["jobs"][len(spoilt) :]
    if not is_shared:
        assert [job["id"] for job in found] == neighbours
        assert [job["status"] for job in found[:5]] == list(STATES[:5])
    for job_id in spoilt:
        for path in READS.values():
            answer = deployment.get(path.format(id=job_id))
            assert answer.status_code in (200, 404, 410) or (name == "record" and answer.status_code == 500), (
                answer.text
            )
            if answer.status_code == 500:
                assert "damaged" in answer.text
    listed = deployment.get("/jobs")
    is_damaged = name == "owner index" and kind != "sorted set"
    assert listed.status_code == (500 if is_damaged else 200), listed.text
    assert listed.json().get("code") == ("record_damaged" if is_damaged else None)


def test_the_names_are_those_that_the_service_uses(deployment: Deployment) -> None:
    job_id = job_in(deployment, "running")
    deployment.get(f"/jobs/{job_id}")
    deployment.get("/jobs")
    there = {key.decode() for key in deployment.redis.scan_iter()}
    missing = {name for name, key in KEYS.items() if key.format(id=job_id, owner=OWNER) not in there}
    # RQ's worker, or a waiting job, makes the others.
    assert missing <= {"results", "executions", "execution", "wip", "scheduled", "queue", "types", "pending"}
    assert keys.record(job_id) == KEYS["record"].format(id=job_id)
