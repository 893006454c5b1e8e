"""What the Procfile says, run by honcho. Nothing here or in these tests imports the service."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.running import Running, free_port, is_ready, running, until


@pytest.fixture
def procfile(redis_url: str, tmp_path: Path) -> Iterator[Running]:
    """Web and worker, ready."""
    port = free_port()
    command = [sys.executable, "-m", "honcho", "start", "--no-colour", "--port", str(port)]
    settings = {"REDIS_URL": redis_url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": "pollable.examples.assessment"}
    with running(command, url=f"http://127.0.0.1:{port}", log=tmp_path / "log", settings=settings) as service:
        until(lambda: is_ready(service))
        yield service
