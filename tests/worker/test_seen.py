"""Which workers readiness sees: living ones, whoever they are, and however they went."""

import time
from collections.abc import Iterator

import msgspec
import pytest

from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, Deployment, catalog_of
from tests.worker.staff import Staff
from tests.worker.waiting import until

SEEN_S = 20.0


@pytest.fixture
def one_queue(settings: Settings) -> Iterator[Deployment]:
    deployment = Deployment(msgspec.structs.replace(settings, queues=("pollable",)), catalog=catalog_of(JOB_TYPES[0]))
    yield deployment
    deployment.close()


def readiness(deployment: Deployment) -> int:
    return deployment.get("/readyz").status_code


def test_a_worker_that_was_killed_is_not_seen_after_twenty_seconds(one_queue: Deployment, staff: Staff) -> None:
    worker = staff.start("--queues", "pollable", POLLABLE_QUEUES="pollable")
    until(lambda: readiness(one_queue) == 200, within_s=20, what="ready")
    worker.close()
    killed_at = time.monotonic()
    until(lambda: readiness(one_queue) == 503, within_s=SEEN_S + 5, what="no worker")
    assert time.monotonic() - killed_at > 1
    assert "RQ_KEY_PREFIX is rq" in one_queue.get("/readyz").json()["detail"]


def test_a_stock_worker_that_was_killed_is_not_seen_although_its_hash_is_there(
    one_queue: Deployment, staff: Staff
) -> None:
    worker = staff.hire_plain()
    staff.until_listening(worker)
    (key,) = one_queue.redis.smembers("rq:workers")
    # Idle, it says nothing for minutes.
    one_queue.redis.hset(key, "last_heartbeat", "2026-01-01T00:00:00.000000Z")
    until(lambda: one_queue.redis.pubsub_numsub(f"rq:pubsub:{staff.only_name()}")[0][1], within_s=20, what="subscribed")
    assert readiness(one_queue) == 200
    worker.close()
    until(lambda: readiness(one_queue) == 503, within_s=20, what="no worker")
    assert one_queue.redis.exists(key)


def test_an_emptied_redis_is_ready_again_when_the_workers_have_said_who_they_are(
    one_queue: Deployment, staff: Staff
) -> None:
    staff.start("--queues", "pollable", POLLABLE_QUEUES="pollable")
    until(lambda: readiness(one_queue) == 200, within_s=20, what="ready")
    one_queue.redis.flushall()
    assert readiness(one_queue) == 503
    until(lambda: readiness(one_queue) == 200, within_s=20, what="ready again")
