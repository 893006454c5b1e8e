"""Polls of one job that come at once are one read of Redis, and none is older than its question."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx
import jwt
import msgspec
import pytest

from pollable.app import create_app
from pollable.errors import StoreUnavailable
from pollable.http.shared import Shared
from pollable.settings import Settings
from pollable.storage import batch
from tests.http.calling import Deployment
from tests.http.test_kept import PLAIN, SECRET

Get = Callable[..., Coroutine[Any, Any, httpx.Response]]


class Made:
    """Makes numbers, each once it is let."""

    def __init__(self) -> None:
        self.times = 0
        self.let = asyncio.Event()

    async def __call__(self) -> int:
        self.times += 1
        number = self.times
        await self.let.wait()
        return number


async def asking(shared: Shared[int], make: Any, *whats: str) -> list[asyncio.Task[int]]:
    """All of them have asked."""
    tasks = [asyncio.create_task(shared.get(what, make)) for what in whats]
    await asyncio.sleep(0)
    return tasks


def test_what_is_asked_for_at_once_is_made_once() -> None:
    async def test() -> None:
        shared, made = Shared[int](), Made()
        tasks = await asking(shared, made, "a", "a", "b", "a")
        made.let.set()
        assert await asyncio.gather(*tasks) == [1, 1, 2, 1]
        assert await shared.get("a", made) == 3

    asyncio.run(test())


def test_all_who_asked_are_told_what_went_wrong() -> None:
    async def fails() -> int:
        await asyncio.sleep(0)
        raise StoreUnavailable("away")

    async def test() -> None:
        shared, made = Shared[int](), Made()
        tasks = await asking(shared, fails, "a", "a", "a")
        told = await asyncio.gather(*tasks, return_exceptions=True)
        assert [str(each) for each in told] == ["away"] * 3
        made.let.set()
        assert await shared.get("a", made) == 1

    asyncio.run(test())


@pytest.mark.parametrize("who", [0, 1, 2])
def test_who_goes_away_takes_nobody_along(who: int) -> None:
    async def test() -> None:
        shared, made = Shared[int](), Made()
        tasks = await asking(shared, made, "a", "a", "a")
        tasks.pop(who).cancel()
        await asyncio.sleep(0.01)
        made.let.set()
        # Where the one who made it left, the next makes it anew.
        assert await asyncio.gather(*tasks) == [2 if who == 0 else 1] * 2

    asyncio.run(test())


def served(settings: Settings, deployment: Deployment, ask: Callable[[Get], Awaitable[Any]]) -> Any:
    """What `ask` makes of another web process of the deployment."""

    async def within() -> Any:
        app = create_app(settings, catalog=deployment.catalog)
        transport = httpx.ASGITransport(app=app)
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await ask(client.get)

    return asyncio.run(within())


def questions() -> int:
    """Asked of Redis by the reads of this process so far."""
    return sum(size * times for (name, size), times in batch.SIZES.items() if name == "read")


def test_polls_that_come_together_ask_redis_once(settings: Settings, deployment: Deployment) -> None:
    one, other = deployment.submit(), deployment.submit()

    async def ask(get: Get) -> list[httpx.Response]:
        return await asyncio.gather(*(get(PLAIN.format(id=each)) for each in (one, other) * 10))

    before = questions()
    answers = served(settings, deployment, ask)
    assert questions() - before == 2
    assert {answer.content for answer in answers} == {b'{"status":"queued"}'}
    # Each is an answer of its own.
    assert len({answer.headers["x-request-id"] for answer in answers}) == 20


def test_what_is_not_there_is_told_to_each(settings: Settings, deployment: Deployment) -> None:
    async def ask(get: Get) -> list[httpx.Response]:
        return await asyncio.gather(*(get("/jobs/nothing") for _ in range(3)))

    answers = served(settings, deployment, ask)
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "job_not_found")] * 3
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


@pytest.mark.parametrize("is_ended", [False, True])
def test_who_has_it_already_is_told_so_and_others_get_it(
    settings: Settings, deployment: Deployment, is_ended: bool
) -> None:
    job_id = deployment.submit()
    if is_ended:
        # So much that Redis does not send it to who has it.
        deployment.succeed(job_id, b'"%s"' % (b"x" * 9_000))
    first = deployment.get(PLAIN.format(id=job_id))

    async def ask(get: Get) -> list[httpx.Response]:
        given: list[dict[str, str]] = [{"If-None-Match": first.headers["etag"]}, {}, {"If-None-Match": '"other"'}]
        return await asyncio.gather(*(get(PLAIN.format(id=job_id), headers=each) for each in given * 2))

    answers = served(settings, deployment, ask)
    assert [answer.status_code for answer in answers] == [304, 200, 200] * 2
    assert {answer.content for answer in answers if answer.status_code == 200} == {first.content}


def test_who_asks_after_redis_was_asked_gets_what_is_so_then(
    settings: Settings, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = deployment.submit()
    was_read, may_go_on = asyncio.Event(), asyncio.Event()
    run = batch.BatchedScript._run

    async def held(script: batch.BatchedScript, arguments: list[Any]) -> Any:
        rows = await run(script, arguments)
        was_read.set()
        await may_go_on.wait()
        return rows

    monkeypatch.setattr(batch.BatchedScript, "_run", held)

    async def ask(get: Get) -> list[httpx.Response]:
        before = asyncio.create_task(get(PLAIN.format(id=job_id)))
        await was_read.wait()
        deployment.start(job_id)
        after = [asyncio.create_task(get(PLAIN.format(id=job_id))) for _ in range(2)]
        await asyncio.sleep(0.01)
        may_go_on.set()
        return await asyncio.gather(before, *after)

    answers = served(settings, deployment, ask)
    assert [answer.json()["status"] for answer in answers] == ["queued", "started", "started"]


def test_nobody_gets_what_is_read_for_somebody_else(settings: Settings) -> None:
    settings = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET)
    until = int(time.time()) + 60
    ann, bob = ({"authorization": f"Bearer {jwt.encode({'sub': who, 'exp': until}, SECRET)}"} for who in ("ann", "bob"))
    deployment = Deployment(settings)
    job_id = deployment.post("/jobs", {"type": "anything", "payload": 1}, **ann).json()["id"]

    async def ask(get: Get) -> list[httpx.Response]:
        return await asyncio.gather(*(get(f"/jobs/{job_id}", headers=each) for each in (ann, bob, {}) * 2))

    answers = served(settings, deployment, ask)
    deployment.close()
    assert [answer.status_code for answer in answers] == [200, 404, 401] * 2
