"""Clients that ask sentinels where the primary is."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError

from pollable.app import create_app
from pollable.settings import Settings
from pollable.storage.connection import connect, connect_async
from pollable.storage.sentinels import ASKED_EVERY_S
from tests.failover.replicated import Replicated
from tests.http.calling import catalog_of, job_type
from tests.servers import programs
from tests.worker.waiting import until

# 1.5 s are promised; a busy machine gets twice that.
PATIENCE_S = 3.0
WRITE = "return redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)"


@pytest.fixture
def replicated(redis_program: Path) -> Iterator[Replicated]:
    made = Replicated(redis_program)
    yield made
    made.close()


@pytest.fixture(params=sorted(programs()))
def of_any_program(request: pytest.FixtureRequest) -> Iterator[Replicated]:
    made = Replicated(programs()[request.param], replicas=1)
    yield made
    made.close()


def test_a_former_primary_is_left_within_seconds_although_it_still_takes_writes(of_any_program: Replicated) -> None:
    settings, former = Settings(redis_url=of_any_program.url), of_any_program.primary()
    with connect(settings) as client, asyncio.Runner() as loop:
        async_client = connect_async(settings)

        def write(text: str) -> None:
            client.eval(WRITE, 1, "s", text)
            loop.run(_write(async_client, text))

        write("1")
        assert (former.client.get("s"), former.client.get("a")) == ("1", "1")
        of_any_program.demote()
        until(lambda: of_any_program.primary() is not former, within_s=20, what="another primary")
        latter, number = of_any_program.primary(), iter(range(2, 10_000))

        def lands() -> bool:
            text = str(next(number))
            try:
                write(text)
            except RedisConnectionError:
                return False
            return (latter.client.get("s"), latter.client.get("a")) == (text, text)

        # The sentinels do not touch the former one for 8 s.
        until(lands, within_s=5, what="a write to the new primary")
        loop.run(async_client.aclose())


async def _write(client: "redis.asyncio.Redis", text: str) -> None:
    await client.eval(WRITE, 1, "a", text)


def test_a_connection_that_was_in_use_meanwhile_is_not_used_again(of_any_program: Replicated) -> None:
    former = of_any_program.primary()

    async def across() -> int:
        async with connect_async(Settings(redis_url=of_any_program.url)) as client:
            pool: Any = client.connection_pool
            held = await pool.get_connection()
            of_any_program.demote()
            await asyncio.to_thread(until, lambda: of_any_program.primary() is not former, within_s=20, what="another")
            await asyncio.sleep(ASKED_EVERY_S + 0.1)
            await client.ping()
            await pool.release(held)
            several = await asyncio.gather(*(client.info("server") for _ in range(3)))
            return len([each for each in several if each["tcp_port"] == former.port])

    assert asyncio.run(across()) == 0


@pytest.mark.parametrize("frozen", [(0,), (0, 1)], ids=["one", "two"])
def test_sentinels_that_do_not_answer_cost_less_than_the_callers_patience(
    replicated: Replicated, frozen: tuple[int, ...]
) -> None:
    for at in frozen:
        replicated.sentinels[at].send(signal.SIGSTOP)
    statuses, waited_s = asyncio.run(_asked(replicated.url, times=2))
    assert statuses == [404, 404]
    assert waited_s < PATIENCE_S


def test_a_primary_that_does_not_answer_is_a_503_in_time(replicated: Replicated) -> None:
    replicated.sentinels[0].send(signal.SIGSTOP)
    replicated.servers[0].send(signal.SIGSTOP)
    statuses, waited_s = asyncio.run(_asked(replicated.url))
    assert statuses == [503]
    assert waited_s < PATIENCE_S


def test_no_sentinel_at_all_is_a_503_in_time(replicated: Replicated) -> None:
    for sentinel in replicated.sentinels:
        sentinel.send(signal.SIGSTOP)
    statuses, waited_s = asyncio.run(_asked(replicated.url))
    assert statuses == [503]
    assert waited_s < PATIENCE_S


async def _asked(url: str, *, times: int = 1) -> tuple[list[int], float]:
    """What polls of an unknown job are answered, and how long the slowest took."""
    app = create_app(Settings(redis_url=url, auth="none"), catalog=catalog_of(job_type("a")))
    statuses, waits_s = [], []
    transport = httpx.ASGITransport(app)
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for _ in range(times):
            began = time.monotonic()
            statuses.append((await client.get("/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV")).status_code)
            waits_s.append(time.monotonic() - began)
    return statuses, max(waits_s)


def test_sentinels_and_primary_have_a_password_each(redis_program: Path) -> None:
    made = Replicated(redis_program, replicas=1, password="hunter2", sentinel_password="hunter3")
    try:
        with connect(Settings(redis_url=made.url)) as client:
            assert client.set("k", "1", px=1000)
        assert asyncio.run(_asked(made.url))[0] == [404]
        with pytest.raises(RedisConnectionError), connect(Settings(redis_url=made.url.partition("?")[0])) as client:
            client.ping()
    finally:
        made.close()
