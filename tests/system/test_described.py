"""What `/openapi.json` says, held against the running service by schemathesis, with every check."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from tests.system.running import Running, environment, is_ready, procfile_running, until

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SECRET = "a secret of the tests, long enough for HS256"


@pytest.fixture
def service(redis_url: str, tmp_path: Path) -> Iterator[Running]:
    """Web and worker with every example, ready, for callers with a token."""
    settings = {
        "REDIS_URL": redis_url,
        "POLLABLE_HOST": "127.0.0.1",
        "POLLABLE_JOBS": "pollable.examples.everything",
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": SECRET,
        **dict.fromkeys(("POLLABLE_QUOTA_POLLS", "POLLABLE_QUOTA_READS", "POLLABLE_QUOTA_WRITES"), "0"),
    }
    with procfile_running(log=tmp_path / "log", settings=settings) as started:
        until(lambda: is_ready(started))
        yield started


def test_the_service_is_as_it_is_described(service: Running, tmp_path: Path) -> None:
    claims = {"sub": "schemathesis", "exp": int(time.time()) + 600, "scope": "jobs:read jobs:write jobs:admin"}
    token = jwt.encode(claims, SECRET, algorithm="HS256")
    told = service.http.get("/openapi.json", headers={"authorization": f"Bearer {token}"})
    (tmp_path / "openapi.json").write_bytes(told.content)
    ran = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIGURATION),
            *("run", "openapi.json", "--url", service.url, "--no-color"),
        ],
        cwd=tmp_path,
        env=environment(TOKEN=token),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # With a token that is refused everything would be as described, too.
    assert "Authentication failed" not in ran.stdout
