"""A Redis that gives out few connections, as small hosted plans do: requests wait in line for them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest
import redis

from pollable.app import create_app
from pollable.cli.embedded import Private
from pollable.settings import Settings
from pollable.storage import line
from pollable.storage.connection import connect_async
from tests.http.calling import JOB_TYPES, catalog_of
from tests.http.test_frozen_redis import PATIENCE_S
from tests.worker.durable import DurableRedis

CONNECTIONS = 3
AT_ONCE = 40
ORDER = {"type": "anything", "payload": 1}
# Each takes a connection for itself, but for polls and submits, which share one.
REQUESTS: dict[str, tuple[str, str, object]] = {
    "list": ("GET", "/jobs", None),
    "readiness": ("GET", "/readyz", None),
    "cancel": ("POST", "/jobs/x/cancel", None),
    "rerun": ("POST", "/jobs/x/rerun", None),
    "submit": ("POST", "/jobs", ORDER),
    "poll": ("GET", "/jobs/x", None),
}

Answer = tuple[httpx.Response, float]


@pytest.fixture
def few(redis_url: str) -> Iterator[Settings]:
    """All that Redis gives out, beside the one of whoever looks how many there are."""
    with ExitStack() as stack:
        client = stack.enter_context(redis.Redis.from_url(redis_url))
        stack.callback(client.config_set, "maxclients", client.config_get("maxclients")["maxclients"])
        client.config_set("maxclients", CONNECTIONS + len(client.client_list()))
        yield Settings(redis_url=redis_url, auth="none", redis_connections=CONNECTIONS)


async def asked(
    settings: Settings, *requests: tuple[str, str, object], between: Callable[[], object] = lambda: None
) -> list[Answer]:
    """Every request at the same time, and again: connections that were opened for the first are there for the next."""
    app = create_app(settings, catalog=catalog_of(*JOB_TYPES))
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):

        async def ask(method: str, path: str, body: object) -> Answer:
            began = time.monotonic()
            return await client.request(method, path, json=body), time.monotonic() - began

        first = await asyncio.gather(*(ask(*each) for each in requests))
        between()
        return [*first, *await asyncio.gather(*(ask(*each) for each in requests))]


def codes(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.json().get("code", "none") for answer, _ in answers)


@pytest.mark.parametrize("name", REQUESTS)
def test_nobody_is_refused_for_want_of_a_connection(few: Settings, name: str) -> None:
    answers = asyncio.run(asked(few, *[REQUESTS[name]] * AT_ONCE))
    assert "store_unavailable" not in codes(answers), codes(answers)


def test_requests_of_every_kind_share_the_few_connections(few: Settings) -> None:
    kinds = list(REQUESTS.values())
    answers = asyncio.run(asked(few, *(kinds[number % len(kinds)] for number in range(AT_ONCE))))
    assert "store_unavailable" not in codes(answers), codes(answers)


@pytest.mark.parametrize("missing", [1, 7, 100])
def test_where_redis_gives_out_fewer_than_the_setting_says_these_are_enough(few: Settings, missing: int) -> None:
    settings = msgspec.structs.replace(few, redis_connections=CONNECTIONS + missing)
    answers = asyncio.run(asked(settings, *[REQUESTS["list"]] * AT_ONCE))
    assert codes(answers) == {"none": 2 * AT_ONCE}


def test_those_that_are_given_out_again_are_taken(few: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "FEWER_S", 0.0)

    async def held(most: int) -> int:
        client = connect_async(msgspec.structs.replace(few, redis_connections=most))
        async with client:
            await asyncio.gather(*(client.ping() for _ in range(AT_ONCE)))
            await client.config_set("maxclients", 100)
            await asyncio.gather(*(client.ping() for _ in range(AT_ONCE)))
            return sum(each["cmd"] == "ping" for each in await client.client_list())

    assert asyncio.run(held(CONNECTIONS + 5)) > CONNECTIONS


@pytest.mark.parametrize(("most", "callers"), [(1, 6), (2, 12), (5, 30)])
def test_a_line_that_moves_is_waited_in_to_its_end(settings: Settings, most: int, callers: int) -> None:
    async def slow_calls() -> list[object]:
        async with connect_async(msgspec.structs.replace(settings, redis_connections=most)) as client:
            # Six times as long as one call, and longer than any call may take.
            return await asyncio.gather(*(client.blpop(["nothing"], timeout=0.25) for _ in range(callers)))

    assert asyncio.run(slow_calls()) == [None] * callers


@pytest.mark.parametrize("leaving", [slice(0, 1), slice(1, 3), slice(0, 5)], ids=["first", "some", "all"])
def test_who_leaves_the_line_holds_up_nobody(settings: Settings, leaving: slice) -> None:
    async def some_leave() -> None:
        async with connect_async(msgspec.structs.replace(settings, redis_connections=1)) as client:
            pool = client.connection_pool
            ahead = await pool.get_connection()  # type: ignore[no-untyped-call]
            line = [asyncio.ensure_future(client.ping()) for _ in range(5)]
            await asyncio.sleep(0.05)
            # The first is called, and leaves before it hears of it.
            await pool.release(ahead)
            for each in line[leaving]:
                each.cancel()
            answers = await asyncio.wait_for(asyncio.gather(*line, return_exceptions=True), 10)
            assert answers.count(True) == 5 - len(line[leaving])

    asyncio.run(some_leave())


def test_a_redis_that_was_away_is_there_again_at_once(redis_program: Path) -> None:
    server = DurableRedis(redis_program)
    app = create_app(Settings(redis_url=server.url, auth="none"), catalog=catalog_of(*JOB_TYPES))

    async def lists() -> list[set[int]]:
        async with (
            app.lifespan(),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
        ):
            statuses = []
            for step in (server.start, server.kill, lambda: None, server.start):
                step()
                answers = await asyncio.wait_for(asyncio.gather(*(client.get("/jobs") for _ in range(AT_ONCE))), 20)
                statuses.append({answer.status_code for answer in answers})
            return statuses

    try:
        assert asyncio.run(lists()) == [{200}, {503}, {503}, {200}]
    finally:
        server.close()


@pytest.mark.parametrize("name", ["list", "cancel", "readiness"])
def test_who_waits_in_line_at_a_frozen_redis_is_answered_in_time(redis_program: Path, name: str) -> None:
    server = Private(redis_program)
    settings = Settings(redis_url=server.url, auth="none", redis_connections=CONNECTIONS)
    with redis.Redis.from_url(server.url) as client:
        # For longer than the test; it is stopped before.
        freeze = partial(client.execute_command, "CLIENT", "PAUSE", 60_000, "ALL")
        answers = asyncio.run(asked(settings, *[REQUESTS[name]] * AT_ONCE, between=freeze))
    server.close()
    assert "store_unavailable" not in codes(answers[:AT_ONCE])
    assert codes(answers[AT_ONCE:]) == {"store_unavailable": AT_ONCE}
    waits_s = [wait_s for _, wait_s in answers[AT_ONCE:]]
    assert max(waits_s) < PATIENCE_S
    # Those in line for the three connections were told when these three were, and did not wait for a turn of their own.
    assert max(waits_s) < 1.4 * min(waits_s)
