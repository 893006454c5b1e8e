from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from pollable.cli.embedded import Private

NewRedis = Callable[[], str]


@pytest.fixture(scope="module")
def new_redis(redis_program: Path) -> Iterator[NewRedis]:
    """Empty Redis servers, each one alone: applications are compared by all that they leave."""
    with ExitStack() as stack:

        def new() -> str:
            server = Private(redis_program)
            stack.callback(server.close)
            return server.url

        yield new


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where processes write; shown when a test fails."""
    path = tmp_path_factory.mktemp("neighbour") / "processes.log"
    yield path
    print(path.read_text(errors="replace") if path.exists() else "")


@pytest.fixture
def url(new_redis: NewRedis) -> str:
    return new_redis()


@pytest.fixture
def redis(url: str) -> Iterator[Redis]:
    with Redis.from_url(url) as client:
        yield client
