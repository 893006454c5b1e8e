"""The lifespan of an application that is mounted: handed over, run by the host, forgotten, run again."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import fastapi
import httpx
import msgspec
import pytest
import redis
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Mount

from pollable.app import Application
from pollable.errors import SettingsError
from pollable.settings import Settings
from tests.http.hosting import HOST, ORDER, pollable_with
from tests.http.test_lifecycle import READS
from tests.system.running import until

Host = Starlette | fastapi.FastAPI
LINE = "lifespan=pollable.lifespan"


def starlette(pollable: Application, **options: Any) -> Host:
    return Starlette(routes=[Mount("/pollable", pollable)], **options)


def in_fastapi(pollable: Application, **options: Any) -> Host:
    host = fastapi.FastAPI(**options)
    host.mount("/pollable", pollable)
    return host


def polite(pollable: Application) -> Host:
    """A host that has a lifespan of its own."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Host) -> AsyncIterator[None]:
        async with pollable.lifespan(app):
            yield

    return starlette(pollable, lifespan=lifespan)


def twice(pollable: Application) -> Host:
    """One that hands it over, and runs it as well."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Host) -> AsyncIterator[None]:
        async with pollable.lifespan(app), pollable.lifespan(app):
            yield

    return starlette(pollable, lifespan=lifespan)


HANDED: dict[str, Callable[[Application], Host]] = {
    "to Starlette": lambda pollable: starlette(pollable, lifespan=pollable.lifespan),
    "to FastAPI": lambda pollable: in_fastapi(pollable, lifespan=pollable.lifespan),
    "to a lifespan": polite,
    "twice": twice,
    "nowhere, since it is served itself": lambda pollable: Starlette(
        routes=pollable.routes, lifespan=pollable.lifespan
    ),
}


@contextlib.asynccontextmanager
async def served(host: Host) -> AsyncIterator[httpx.AsyncClient]:
    """As a server does it: the lifespan, and requests in it."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(host), base_url=HOST)
    async with host.router.lifespan_context(host), client:
        yield client


async def submitted(host: Host) -> int:
    async with served(host) as client:
        answers = await asyncio.gather(*(client.post("/pollable/jobs", json=ORDER) for _ in range(30)))
        reads = await asyncio.gather(*(client.get(answer.headers["location"]) for answer in answers))
        return sum(each.status_code == 200 for each in reads)


@pytest.mark.parametrize("name", list(HANDED)[:4])
def test_a_lifespan_that_is_handed_over_is_enough_however_often_it_begins(settings: Settings, name: str) -> None:
    host = HANDED[name](pollable_with(settings))
    # Each in an event loop of its own, as a reload and each test client has it.
    assert [asyncio.run(submitted(host)) for _ in range(3)] == [30, 30, 30]


def test_it_leaves_no_connection_and_no_task_behind(settings: Settings, redis_client: redis.Redis) -> None:
    before = len(redis_client.client_list())
    host = starlette(pollable := pollable_with(settings), lifespan=pollable.lifespan)

    async def up_and_down() -> int:
        await submitted(host)
        return len(asyncio.all_tasks())

    assert asyncio.run(up_and_down()) == 1
    # Redis sees in its own time that they were closed.
    until(lambda: len(redis_client.client_list()) == before)


def test_a_client_that_was_given_is_left_open(settings: Settings) -> None:
    async def run() -> None:
        given = Redis.from_url(settings.redis_url)
        pollable = pollable_with(settings, redis=given)
        pool = given.connection_pool
        async with pollable.lifespan():
            await given.ping()
        assert given.connection_pool is pool
        assert pool._available_connections[0].is_connected
        await given.aclose()

    asyncio.run(run())


def test_the_reaper_runs_once_until_the_last_one_is_over(settings: Settings) -> None:
    async def names() -> list[str]:
        await asyncio.sleep(0)
        running = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        return [name for name in running if "Reaper" in name]

    async def run() -> tuple[list[str], list[str], list[str]]:
        pollable = pollable_with(settings)
        first, second = pollable.lifespan(), pollable.lifespan()
        await first.__aenter__()
        await second.__aenter__()
        both = await names()
        await first.__aexit__(None, None, None)
        one = await names()
        await second.__aexit__(None, None, None)
        return both, one, await names()

    assert asyncio.run(run()) == (["Reaper.run"], ["Reaper.run"], [])


@pytest.mark.parametrize("make", [starlette, in_fastapi])
def test_a_forgotten_lifespan_is_told_at_the_first_request(
    settings: Settings, caplog: pytest.LogCaptureFixture, make: Any
) -> None:
    host = make(pollable_with(settings))
    paths = [("GET", path.format(id="x")) for path in READS.values()]
    paths += [("POST", "/jobs"), ("GET", "/jobs"), ("GET", "/job-types"), ("GET", "/readyz"), ("GET", "/openapi.json")]

    async def run() -> None:
        async with served(host) as client:
            for method, path in paths:
                answer = await client.request(method, f"/pollable{path}")
                assert (answer.status_code, LINE in answer.text) == (500, True), path
                assert LINE in caplog.text
                caplog.clear()
            problem = (await client.get("/pollable/jobs/x")).json()
            assert (problem["code"], problem["type"]) == ("not_running", "urn:pollable:problem:not_running")
            assert (await client.get("/pollable/healthz")).status_code == 200

    caplog.set_level(logging.ERROR)
    asyncio.run(run())


def test_after_the_end_it_serves_no_more(settings: Settings) -> None:
    host = starlette(pollable := pollable_with(settings), lifespan=pollable.lifespan)
    asyncio.run(submitted(host))

    async def run() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(host), base_url=HOST) as client:
            return (await client.get("/pollable/jobs/x")).status_code

    assert asyncio.run(run()) == 500


def test_two_event_loops_at_once_are_refused(settings: Settings) -> None:
    pollable = pollable_with(settings)
    refusals: list[str] = []

    def elsewhere() -> None:
        try:
            asyncio.run(submitted(starlette(pollable, lifespan=pollable.lifespan)))
        except RuntimeError as error:
            refusals.append(str(error))

    async def run() -> int:
        async with served(starlette(pollable, lifespan=pollable.lifespan)) as client:
            thread = threading.Thread(target=elsewhere)
            thread.start()
            await asyncio.to_thread(thread.join)
            return (await client.post("/pollable/jobs", json=ORDER)).status_code

    assert asyncio.run(run()) == 202
    assert "another event loop" in refusals[0]


@pytest.mark.parametrize("name", HANDED)
def test_without_a_word_on_authentication_the_host_does_not_start(settings: Settings, name: str) -> None:
    host = HANDED[name](pollable_with(settings, auth=None))
    with pytest.raises(SettingsError, match=r"POLLABLE_AUTH to jwt, tokens, or both; or to none"):
        asyncio.run(submitted(host))


def test_without_a_word_on_authentication_nobody_is_answered(settings: Settings) -> None:
    host = starlette(pollable_with(settings, auth=None))

    async def run() -> tuple[Any, int]:
        async with served(host) as client:
            answer = await client.get("/pollable/jobs")
            return (answer.status_code, "POLLABLE_AUTH" in answer.text), (
                await client.get("/pollable/healthz")
            ).status_code

    assert asyncio.run(run()) == ((500, True), 200)


@pytest.mark.parametrize("said", ["none", ("none",), ["none"]], ids=["text", "tuple", "list"])
def test_who_says_none_is_served(settings: Settings, said: Any) -> None:
    plain = Settings(redis_url=settings.redis_url, auth=said)
    host = starlette(pollable := pollable_with(plain), lifespan=pollable.lifespan)
    assert asyncio.run(submitted(host)) == 30


def test_with_tokens_it_starts_and_asks_for_them(settings: Settings) -> None:
    tokens = msgspec.structs.replace(settings, auth="tokens")
    host = starlette(pollable := pollable_with(tokens), lifespan=pollable.lifespan)

    async def run() -> int:
        async with served(host) as client:
            return (await client.get("/pollable/jobs")).status_code

    assert asyncio.run(run()) == 401
