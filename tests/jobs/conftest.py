from collections.abc import Iterator

import pytest

from pollable.cli.embedded import Fake
from pollable.settings import Settings
from tests.conftest import immortal_keys
from tests.jobs import books
from tests.jobs.workbench import Backend, Real, Workbench


@pytest.fixture(params=["redis", "fakeredis"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """An empty Redis; after the test a key that would live for ever fails it."""
    if request.param == "redis":
        yield Real(request.getfixturevalue("redis_url"))
        return
    fake = Fake()
    yield fake
    with fake.connect() as client:
        leaked = immortal_keys(client)
    assert not leaked, f"these keys would live for ever: {leaked}"


@pytest.fixture
def bench(backend: Backend) -> Iterator[Workbench]:
    made = Workbench(backend, Settings())
    yield made
    wrong = books.errors(made.redis)
    made.close()
    assert not wrong, f"what is written down of the owners' jobs is wrong: {wrong}"


@pytest.fixture
def real_bench(redis_url: str) -> Iterator[Workbench]:
    """For what fakeredis has no part of: statistics, limits of memory, connections that break."""
    made = Workbench(Real(redis_url), Settings())
    yield made
    made.close()
