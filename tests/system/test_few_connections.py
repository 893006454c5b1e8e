"""A Redis of twenty connections in all, as the smallest hosted plans have: enough for a web process and two workers."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis

from pollable.cli.embedded import Private
from tests.system.running import Running, free_port, is_ready, running, until

MAXCLIENTS = 20
AT_ONCE = 40
ROUNDS = 10
WEB = [sys.executable, "-m", "pollable", "serve"]
WORKER = [sys.executable, "worker.py"]
NAP = {"type": "nap", "payload": 0.2}
LONG_NAP = {"type": "nap", "payload": 6.0}
REQUESTS = [
    ("GET", "/jobs", None),
    ("GET", "/readyz", None),
    ("POST", "/jobs", NAP),
    ("GET", "/jobs/nothing", None),
    ("POST", "/jobs/nothing/cancel", None),
]


@pytest.fixture
def small(redis_program: Path) -> Iterator[Private]:
    server = Private(redis_program)
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxclients", MAXCLIENTS)
    yield server
    server.close()


@pytest.fixture
def web(small: Private, tmp_path: Path) -> Iterator[Running]:
    """With two workers."""
    port = str(free_port())
    settings = {"REDIS_URL": small.url, "POLLABLE_HOST": "127.0.0.1", "POLLABLE_JOBS": "tests.system.patient"}
    with ExitStack() as stack:
        for number in range(2):
            log = tmp_path / f"worker-{number}.log"
            stack.enter_context(running(WORKER, url="", log=log, settings=settings))
        url = f"http://127.0.0.1:{port}"
        log = tmp_path / "web.log"
        web = stack.enter_context(running(WEB, url=url, log=log, settings={**settings, "PORT": port}))
        until(lambda: is_ready(web), within_s=30)
        yield web


async def asked(web: Running) -> Counter[int]:
    """How forty callers are answered who ask at the same time, again and again."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=web.url, trust_env=False, limits=limits, timeout=30) as client:

        async def ask(number: int) -> list[int]:
            kinds = [REQUESTS[(number + turn) % len(REQUESTS)] for turn in range(ROUNDS)]
            return [(await client.request(method, path, json=body)).status_code for method, path, body in kinds]

        answers = await asyncio.gather(*(ask(number) for number in range(AT_ONCE)))
    return Counter(status for each in answers for status in each)


def test_twenty_connections_serve_a_web_process_and_two_busy_workers(web: Running) -> None:
    for _ in range(2):
        assert web.http.post("/jobs", json=LONG_NAP).status_code == 202
    until(lambda: web.http.get("/jobs?status=running").json()["jobs"][1:], within_s=30)
    counts = asyncio.run(asked(web))
    # A horse that begins while another's connection is being closed may be refused one, and asks again.
    assert set(counts) == {200, 202, 404}, counts
    until(lambda: web.http.get("/jobs?status=succeeded").json()["jobs"], within_s=60)
