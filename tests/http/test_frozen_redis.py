"""A Redis that holds its connections and says nothing."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import redis

from pollable.app import create_app
from pollable.catalog import Catalog
from pollable.cli.embedded import Private
from pollable.settings import Settings
from tests.http.calling import catalog_of, job_type

# 1.5 s are promised and 1.2 s are usual; a busy machine gets twice that. redis-py's own is a minute.
PATIENCE_S = 3.0


@pytest.fixture
def frozen(redis_program: Path) -> Iterator[Settings]:
    server = Private(redis_program)
    with redis.Redis.from_url(server.url) as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    yield Settings(redis_url=server.url, auth=("none",))
    os.kill(pid, signal.SIGCONT)
    server.close()


def test_everyone_who_asks_a_frozen_redis_is_answered_503_in_time(frozen: Settings) -> None:
    answers = asyncio.run(_asked(frozen, catalog_of(job_type("generate_assessment"))))
    assert {(answer.status_code, answer.json()["code"]) for answer, _ in answers} == {(503, "store_unavailable")}
    assert all(int(answer.headers["retry-after"]) > 0 for answer, _ in answers)
    waits_s = [wait_s for _, wait_s in answers]
    assert max(waits_s) < PATIENCE_S
    # The first poll waited for one call to Redis. Who came during that call must not wait for another one as well.
    assert max(waits_s) < 1.4 * waits_s[0]


async def _asked(settings: Settings, catalog: Catalog) -> list[tuple[httpx.Response, float]]:
    app = create_app(settings, catalog=catalog)
    transport = httpx.ASGITransport(app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def ask(delay_s: float, method: str, path: str, **body: object) -> tuple[httpx.Response, float]:
            await asyncio.sleep(delay_s)
            began = time.monotonic()
            answer = await client.request(method, path, json=body or None)
            return answer, time.monotonic() - began

        # Some come while a call is under way already; they must not wait for two.
        polls = [ask(delay_s, "GET", "/jobs/x") for delay_s in (0.0, 0.1, 0.3, 0.6, 1.0)]
        submits = [
            ask(delay_s, "POST", "/jobs", type="generate_assessment", payload={"text": "a"})
            for delay_s in (0.0, 0.2, 0.7)
        ]
        lists = [ask(delay_s, "GET", "/jobs") for delay_s in (0.0, 0.1, 0.5)]
        return await asyncio.gather(*polls, *submits, ask(0, "POST", "/jobs/x/cancel"), *lists)
