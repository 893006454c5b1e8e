"""What the Procfile says, run by honcho. Nothing here or in these tests imports the service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Running, is_ready, procfile_running, until


@pytest.fixture
def procfile(redis_url: str, tmp_path: Path) -> Iterator[Running]:
    """Web and worker, ready."""
    settings = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": "pollable.examples.assessment"}
    with procfile_running(log=tmp_path / "log", settings=settings) as service:
        until(lambda: is_ready(service))
        yield service
