from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pollable.cli import issued_tokens
from pollable.settings import Settings
from tests.http.calling import Deployment
from tests.security.served import Served, serving
from tests.security.two_owners import SECRET


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(settings)
    yield running
    running.close()


@pytest.fixture(scope="module")
def served(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all attacks of a file."""
    settings = {"POLLABLE_AUTH": "jwt,tokens", "POLLABLE_JWT_SECRET": SECRET, "POLLABLE_FOREIGN_JOBS": "read-data"}
    # That nobody asks too often is tested elsewhere.
    settings |= {f"POLLABLE_QUOTA_{what}": "1000000" for what in ("POLLS", "READS", "WRITES")}
    with serving(redis_program, tmp_path_factory.mktemp("served"), **settings) as running:
        issued_tokens.create(running.redis, "ann", lifetime_s=600)
        # What other code left, under an id that RQ's own fetch mistakes others for.
        theirs: dict[Any, Any] = {"status": "queued", "data": "x", "created_at": "2026-01-01T00:00:00Z"}
        running.redis.hset("rq:job:abc", mapping=theirs)
        yield running
