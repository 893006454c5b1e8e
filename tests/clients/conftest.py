"""Web process and worker on a Redis of their own, with tokens asked for, once for all tests in this directory."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import pytest
import redis

from pollable.cli.embedded import Private
from tests.clients.people import PROJECT_ID, SECRET, Person, token
from tests.conftest import immortal_keys
from tests.keyspace import put_into_project
from tests.system.running import ROOT, Running, environment, free_port, running, until

JOBS = "pollable.examples.everything,tests.system.patient"
# Nobody listens on the last: what is put there stays queued.
QUEUES = ("pollable-high", "pollable", "pollable-low", "parked")

Newcomer = Callable[[], Person]


@pytest.fixture(scope="package")
def own_redis(redis_program: Path) -> Iterator[Private]:
    server = Private(redis_program)
    yield server
    with redis.Redis.from_url(server.url) as client:
        leaked = immortal_keys(client)
    server.close()
    assert not leaked, f"these keys would live for ever: {leaked}"


@pytest.fixture(scope="package")
def service(own_redis: Private, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The web process, with a worker behind it; JSON Web Tokens and personal access tokens are let in."""
    directory = tmp_path_factory.mktemp("clients")
    with ExitStack() as stack:
        web = stack.enter_context(
            serving(own_redis.url, directory, POLLABLE_AUTH="jwt,tokens", POLLABLE_JWT_SECRET=SECRET)
        )
        worker = [sys.executable, "worker.py", "--queues", ",".join(QUEUES[:-1]), "--workers", "2"]
        settings = common(own_redis.url)
        stack.enter_context(running(worker, url="", log=directory / "worker.log", settings=settings))
        until(lambda: listens(web))
        yield web


@pytest.fixture(scope="package")
def open_service(
    own_redis: Private,
    service: Running,  # noqa: ARG001 - its worker runs the jobs of both
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """A second web process beside the first, which asks nobody for a token."""
    with serving(own_redis.url, tmp_path_factory.mktemp("open"), POLLABLE_AUTH="none") as web:
        until(lambda: listens(web))
        yield web


@pytest.fixture(scope="package")
def newcomer(service: Running, own_redis: Private) -> Iterator[Newcomer]:
    """Makes people whom the service has never seen, with quotas that are not used."""
    people: list[Person] = []

    with redis.Redis.from_url(own_redis.url) as store:
        place = partial(put_into_project, store, project_id=PROJECT_ID)

        def make() -> Person:
            people.append(Person(service.url, token(f"person-{next(_numbers)}"), place=place))
            return people[-1]

        yield make
    for person in people:
        person.http.close()


@pytest.fixture(scope="package")
def own_token(own_redis: Private) -> str:
    """A personal access token, made as an operator makes one."""
    command = [sys.executable, "-m", "pollable", "tokens", "create", "carol"]
    made = subprocess.run(
        command, cwd=ROOT, env=environment(REDIS_URL=own_redis.url), capture_output=True, text=True, timeout=30
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="session")
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        pytest.skip("The commands that the pages print need curl.")
    return found


_numbers = count()


def common(redis_url: str) -> dict[str, str]:
    settings = {"REDIS_URL": redis_url, "POLLABLE_JOBS": JOBS, "POLLABLE_QUEUES": ",".join(QUEUES)}
    # What `web_crawling` reads here stands on this machine.
    return settings | {"CRAWLER_NETWORKS": "127.0.0.0/8"}


def serving(redis_url: str, directory: Path, **settings: str) -> AbstractContextManager[Running]:
    port = str(free_port())
    complete = {
        **common(redis_url),
        "PORT": port,
        "POLLABLE_HOST": "127.0.0.1",
        **settings,
    }
    command = [sys.executable, "-m", "pollable", "serve"]
    return running(command, url=f"http://127.0.0.1:{port}", log=directory / "web.log", settings=complete)


def listens(web: Running) -> bool:
    assert web.process.poll() is None, web.log
    try:
        return web.http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
