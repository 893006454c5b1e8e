"""A worker whose registration has gone registers again: it is seen, and is given jobs, within 20 s."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq import Worker as RQWorker

from pollable.model import State
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from tests.worker.desk import Desk
from tests.worker.durable import DurableRedis
from tests.worker.staff import Staff, staff_of
from tests.worker.waiting import until

REGISTERED_S = 20
LEASE_S = 2.0
QUEUES = Settings(redis_url="redis://localhost").queues


@pytest.fixture
def durable(redis_program: Path) -> Iterator[DurableRedis]:
    durable = DurableRedis(redis_program)
    durable.start()
    yield durable
    durable.close()


@pytest.fixture
def settings(durable: DurableRedis) -> Settings:
    return Settings(redis_url=durable.url, lease_s=LEASE_S)


@pytest.fixture
def staff(durable: DurableRedis, tmp_path: Path) -> Iterator[Staff]:
    with staff_of(tmp_path, redis_url=durable.url, lease_s=LEASE_S) as staff:
        yield staff


@pytest.fixture
def redis_client(durable: DurableRedis) -> Iterator[Redis]:
    with Redis.from_url(durable.url) as client:
        yield client


def flush(durable: DurableRedis) -> None:
    with Redis.from_url(durable.url) as client:
        client.flushall()


def forget_the_hash(durable: DurableRedis) -> None:
    with Redis.from_url(durable.url) as client:
        client.delete(*client.smembers("rq:workers"))


def forget_the_sets(durable: DurableRedis) -> None:
    with Redis.from_url(durable.url) as client:
        client.delete("rq:workers", *client.keys("rq:workers:*"))


def forget_the_set_of_one_queue(durable: DurableRedis) -> None:
    with Redis.from_url(durable.url) as client:
        client.delete(f"rq:workers:{QUEUES[-1]}")


def restart_empty(durable: DurableRedis) -> None:
    durable.kill()
    durable.forget()
    durable.start()


LOSSES = [flush, restart_empty, forget_the_hash, forget_the_sets, forget_the_set_of_one_queue]
losses = pytest.mark.parametrize(
    ("lose", "arguments"),
    [*((lose, ()) for lose in LOSSES), (flush, ("--simple",))],
    ids=[*(lose.__name__ for lose in LOSSES), "flush-simple"],
)


def is_whole(client: Redis, state: bytes) -> bool:
    """Whether RQ finds one worker, in every queue and among all, and knows everything of it."""
    wanted = {b"birth", b"last_heartbeat", b"queues", b"pid", b"hostname", b"version", b"pollable"}
    try:
        found = [RQWorker.all_keys(queue=Queue(name, connection=client)) for name in QUEUES]
        everywhere = RQWorker.all_keys(connection=client)
        (fields,) = [client.hgetall(key) for key in everywhere] or [{}]
    except RedisError:
        return False
    return [*found, everywhere] == [everywhere] * 4 and wanted <= fields.keys() and fields[b"state"] == state


def is_announced(client: Redis) -> bool:
    try:
        rows: Any = client.register_script(source("staffing"))(args=[keys.PREFIX, keys.RQ_PREFIX, *QUEUES])[0]
    except RedisError:
        return False
    return all(b"nap" in known for known, _ in rows)


def seen_again(client: Redis, state: bytes) -> None:
    until(lambda: is_whole(client, state), within_s=REGISTERED_S, what="the registration", every_s=0.1)
    until(lambda: is_announced(client), within_s=REGISTERED_S, what="the announcement", every_s=0.1)
    assert 60 < client.ttl(next(iter(RQWorker.all_keys(connection=client)))) <= 480


@losses
def test_an_idle_worker_registers_again(
    durable: DurableRedis,
    redis_client: Redis,
    settings: Settings,
    staff: Staff,
    arguments: tuple[str, ...],
    lose: Callable[[DurableRedis], None],
) -> None:
    worker = staff.start(*arguments)
    until(lambda: is_announced(redis_client), within_s=10, what="the announcement")
    lose(durable)
    seen_again(redis_client, b"idle")
    with Desk(settings) as desk:
        assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert "raceback" not in worker.log
    assert worker.exit_code is None


@losses
def test_a_busy_worker_registers_again(
    durable: DurableRedis,
    redis_client: Redis,
    settings: Settings,
    staff: Staff,
    arguments: tuple[str, ...],
    lose: Callable[[DurableRedis], None],
) -> None:
    worker = staff.start(*arguments)
    with Desk(settings) as before:
        staff.journal.started(before.submit("nap", plan={"nap_s": 12}))
    lose(durable)
    # A forking worker drops a job that there is no more; a simple one cannot.
    is_dropped = not arguments and lose in (flush, restart_empty)
    seen_again(redis_client, b"idle" if is_dropped else b"busy")
    with Desk(settings) as desk:
        assert desk.ended(desk.submit("nap"), within_s=30).state is State.SUCCEEDED
    assert "raceback" not in worker.log


def test_the_reapers_go_on(redis_client: Redis, settings: Settings, staff: Staff) -> None:
    for _ in range(2):
        staff.start()
    redis_client.flushall()
    with Desk(settings) as desk:
        lost = desk.submit("nap", plan={"nap_s": 60})
        os.kill(staff.journal.started(lost).parent_pid, signal.SIGKILL)
        error = desk.ended(lost).error
        assert error is not None
        assert error.code == "worker_lost"


def test_a_worker_that_has_left_is_not_registered_again(redis_client: Redis, staff: Staff) -> None:
    worker = staff.start()
    until(lambda: is_whole(redis_client, b"idle"), within_s=10, what="the registration")
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=10) == 0
    assert not redis_client.smembers("rq:workers")
