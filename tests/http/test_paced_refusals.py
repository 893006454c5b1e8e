"""Who has used up a quota, or holds as much as they may, reads so at a pace that leaves time for everybody else."""

import asyncio
import time
from typing import Any

import httpx
import msgspec
import pytest

from pollable.app import create_app
from pollable.pace import MOST_S, PACE_S, Pace
from pollable.settings import Settings
from tests.clients.people import SECRET, token
from tests.http.calling import JOB_TYPES, catalog_of

AT_ONCE = 41
ORDER = {"type": "anything", "payload": None}

Seen = tuple[int, float]
"""Status, and seconds after all were asked at once."""


def seen(settings: Settings, method: str, path: str, *, people: list[str], spent: int, **limits: int) -> list[Seen]:
    """What each of the people reads who ask at once, after Eve has spent what she may."""
    limited = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET, **limits)
    app = create_app(limited, catalog=catalog_of(*JOB_TYPES))

    async def ask() -> list[Seen]:
        transport = httpx.ASGITransport(app=app)
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://pollable.test") as client:

            async def status(who: str) -> int:
                body: dict[str, Any] = {"json": ORDER} if path == "/jobs" and method == "POST" else {}
                headers = {"Authorization": f"Bearer {token(who)}"}
                return (await client.request(method, path, headers=headers, **body)).status_code

            async def timed(who: str, began_at: float) -> Seen:
                return await status(who), time.monotonic() - began_at

            for _ in range(spent):
                assert await status("eve") != 429
            await status("ann")
            began_at = time.monotonic()
            return await asyncio.gather(*(timed(who, began_at) for who in people))

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("method", "path", "limits"),
    [
        ("POST", "/jobs", {"quota_writes": 2}),
        ("POST", "/jobs/abc/cancel", {"quota_writes": 2}),
        ("GET", "/jobs?limit=1", {"quota_reads": 2}),
        ("GET", "/jobs/abc", {"quota_polls": 2}),
        ("GET", "/v1/api/jobs/abc", {"quota_polls": 2}),
        ("GET", "/jobs/abc/result", {"quota_reads": 2}),
        ("GET", "/jobs/abc/events", {"quota_polls": 2}),
        ("POST", "/jobs", {"owner_max_jobs": 2}),
    ],
)
def test_refusals_of_one_owner_come_one_after_another(
    settings: Settings, method: str, path: str, limits: dict[str, int]
) -> None:
    answers = seen(settings, method, path, people=["eve"] * AT_ONCE, spent=2, **limits)
    assert {status for status, _ in answers} == {429}
    assert max(wait_s for _, wait_s in answers) >= (AT_ONCE - 2) * PACE_S


def test_none_waits_for_longer_than_a_second() -> None:
    pace, began_at = Pace(), time.monotonic()

    async def refuse_all() -> None:
        await asyncio.gather(*(pace.pause("eve") for _ in range(1_000)))

    asyncio.run(refuse_all())
    assert MOST_S <= time.monotonic() - began_at < 1_000 * PACE_S / 2


def test_nobody_waits_for_the_refusals_of_another(settings: Settings) -> None:
    """Let in or refused: what Ann reads comes before the last of Eve's, though she asked after them."""
    people = ["eve"] * 200 + ["ann"] * 2
    *eves, let_in, refused = seen(settings, "GET", "/jobs/abc", people=people, spent=2, quota_polls=2)
    assert (let_in[0], refused[0]) == (404, 429)
    assert max(let_in[1], refused[1]) < max(wait_s for _, wait_s in eves) - 0.2
