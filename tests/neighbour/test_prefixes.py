"""Services with prefixes of their own in one Redis, and one that was started without: each is as if alone."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import msgspec
import pytest
from redis import Redis

from tests.jobs.workbench import until
from tests.neighbour.callers import read, status, submit
from tests.neighbour.conftest import NewRedis
from tests.rq.processes import LEASE_S, web, worker

OURS = {"POLLABLE_JOBS": "tests.neighbour.ours"}
PREFIXES = ("a", "rq:{b}")
"""One plain, one with all that RQ allows, below its own default."""

PASSES_S = 8 * LEASE_S / 4
"""A pass of every reaper comes each quarter of a lease."""


class Service(msgspec.Struct):
    """One service: its web process, and its jobs by what they are doing."""

    http: httpx.Client
    jobs: dict[str, str]


@pytest.fixture(scope="module")
def redis(new_redis: NewRedis) -> Iterator[Redis]:
    with Redis.from_url(new_redis()) as client:
        yield client


@pytest.fixture(scope="module")
def url(redis: Redis) -> str:
    return f"unix://{redis.connection_pool.connection_kwargs['path']}"


@pytest.fixture(scope="module")
def services(url: str, log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    """Two with prefixes, each with its worker and with jobs of every kind."""
    marks = tmp_path_factory.mktemp("marks")
    with ExitStack() as stack:
        found = {}
        for prefix in PREFIXES:
            client = stack.enter_context(web(url, log, RQ_KEY_PREFIX=prefix, **OURS))
            found[prefix] = Service(client, _jobs(client, marks / prefix.strip("rq:{}")))
            stack.enter_context(worker(url, log, RQ_KEY_PREFIX=prefix, **OURS))
        for prefix in found:
            until((marks / prefix.strip("rq:{}")).exists, bool)
            _ends(found[prefix], "ended")
        yield found


@pytest.fixture(scope="module")
def forgotten(services: dict[str, Service], url: str, log: Path, redis: Redis) -> Iterator[httpx.Client]:
    """A web process and a worker that were started without the prefix of their service, long enough to reap."""
    assert services
    before = redis.dbsize()
    with web(url, log, **OURS) as client, worker(url, log, **OURS):
        until(lambda: redis.scard("rq:workers"), lambda number: number == 1)
        # Whatever a reaper does wrong it does again in each pass.
        over = time.monotonic() + PASSES_S
        until(time.monotonic, lambda now: now > over)
        assert redis.dbsize() >= before
        yield client


def _ends(service: Service, kind: str) -> None:
    until(lambda: status(service.http, service.jobs[kind]), lambda state: state == "succeeded")


def _jobs(client: httpx.Client, mark: Path) -> dict[str, str]:
    return {
        "running": submit(client, pause_s=300, mark=str(mark)),
        "queued": submit(client, queue="pollable-low"),
        "delayed": submit(client, delay=3600),
        "ended": submit(client, queue="pollable-high"),
    }


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("kind", "state"),
    [("running", "running"), ("queued", "queued"), ("delayed", "scheduled"), ("ended", "succeeded")],
    ids=["running", "queued", "delayed", "ended"],
)
def test_no_job_is_touched_by_a_service_of_another_prefix(
    services: dict[str, Service], prefix: str, kind: str, state: str
) -> None:
    job = read(services[prefix].http, services[prefix].jobs[kind])
    assert (job["status"], job["attempts"]) == (state, 1 if state in ("running", "succeeded") else 0)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_service_sees_the_jobs_of_another(
    services: dict[str, Service], forgotten: httpx.Client, prefix: str
) -> None:
    others = [each.http for name, each in services.items() if name != prefix]
    for job_id in services[prefix].jobs.values():
        assert {client.get(f"/jobs/{job_id}").status_code for client in (*others, forgotten)} == {404}


def test_a_forgotten_prefix_shows_an_empty_service(forgotten: httpx.Client) -> None:
    assert forgotten.get("/jobs").json() == {"jobs": [], "cursor": None}


def test_each_service_runs_its_own_jobs(services: dict[str, Service], forgotten: httpx.Client) -> None:
    clients = [*(each.http for each in services.values()), forgotten]
    for each in services.values():
        each.http.post(f"/jobs/{each.jobs['running']}/cancel")
    ids = [submit(client, queue="pollable-low") for client in clients]
    for client, job_id in zip(clients, ids, strict=True):
        until(lambda client=client, job_id=job_id: status(client, job_id), lambda state: state == "succeeded")  # type: ignore[misc]


@pytest.mark.usefixtures("forgotten")
def test_every_key_lies_under_a_prefix(redis: Redis) -> None:
    keys = [key.decode() for key in redis.scan_iter(count=1000)]
    # A job's record and RQ's hash of it, wherever they are, lie under the same one.
    for prefix in (*PREFIXES, "rq"):
        records = {
            key.removeprefix(f"{prefix}:pollable:job:") for key in keys if key.startswith(f"{prefix}:pollable:job:")
        }
        hashes = {key.removeprefix(f"{prefix}:job:") for key in keys if key.startswith(f"{prefix}:job:")}
        assert records
        assert hashes == records
    assert [key for key in keys if not key.startswith(("a:", "rq:"))] == []
