"""Web process and worker on a Redis of their own, with tokens asked for, once for all tests in this directory."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from pathlib import Path

import httpx
import pytest
import redis

from service.embedded import Private
from tests.clients.people import SECRET, Person, token
from tests.conftest import immortal_keys
from tests.system.running import ROOT, Running, environment, free_port, running, until

JOBS = "examples.assessment,examples.previews,examples.screening,examples.documents,examples.audit,tests.system.patient"
# Nobody listens on the last: what is put there stays queued.
QUEUES = ("high", "default", "low", "parked")

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
        web = stack.enter_context(serving(own_redis.url, directory, POLLABLE_AUTH="jwt,tokens"))
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
def newcomer(service: Running) -> Iterator[Newcomer]:
    """Makes people whom the service has never seen, with quotas that are not used."""
    people: list[Person] = []

    def make() -> Person:
        people.append(Person(service.url, token(f"person-{next(_numbers)}")))
        return people[-1]

    yield make
    for person in people:
        person.http.close()


@pytest.fixture(scope="package")
def own_token(own_redis: Private) -> str:
    """A personal access token, made as an operator makes one."""
    command = [sys.executable, "-m", "service", "tokens", "create", "carol"]
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
    return {"REDIS_URL": redis_url, "POLLABLE_JOBS": JOBS, "POLLABLE_QUEUES": ",".join(QUEUES)}


def serving(redis_url: str, directory: Path, **settings: str) -> AbstractContextManager[Running]:
    port = str(free_port())
    complete = {
        **common(redis_url),
        "PORT": port,
        "POLLABLE_HOST": "127.0.0.1",
        "POLLABLE_JWT_SECRET": SECRET,
        **settings,
    }
    command = [sys.executable, "-m", "service", "serve"]
    return running(command, url=f"http://127.0.0.1:{port}", log=directory / "web.log", settings=complete)


def listens(web: Running) -> bool:
    assert web.process.poll() is None, web.log
    try:
        return web.http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
