"""One subscription hears of every change, says whether it does, and comes back by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis as AsyncRedis

from pollable.cli.embedded import Private
from pollable.jobs import changes as module
from pollable.jobs.changes import Change, Changes
from pollable.settings import Settings
from pollable.storage import connection, keys
from pollable.storage.connection import connect_async
from tests.jobs.workbench import OWNER, Real, Workbench, until


async def reached(look: Callable[[], Any], *, within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not look():  # noqa: ASYNC110 - what is looked at sets no event
            await asyncio.sleep(0.005)


class Hearer:
    """Of a process's changes."""

    def __init__(self, changes: Changes) -> None:
        self.heard: list[Change] = []
        self.begun = 0
        self.leave = changes.subscribe(self._hear)

    def _hear(self, change: Change | None) -> None:
        if change is None:
            self.begun += 1
        else:
            self.heard.append(change)


Play = Callable[[Changes, Any], Awaitable[None]]


@pytest.fixture
def play(redis_url: str) -> Iterator[Callable[[Play], None]]:
    """Runs a test with the changes of a web process, and a client of Redis."""

    async def run(test: Play, client: Any) -> None:
        connected = connect_async(Settings(redis_url=redis_url))
        changes = Changes(connected)
        try:
            await test(changes, client)
        finally:
            await changes.close()
            await connected.aclose()
        assert not changes.is_listening

    with redis.Redis.from_url(redis_url) as client:
        yield lambda test: asyncio.run(run(test, client))
        until(lambda: subscribers(client), lambda left: left == 0)


def subscribers(client: Any) -> int:
    return len(client.client_list(_type="pubsub"))


def test_all_hear_of_every_change_on_one_connection(play: Any, redis_url: str) -> None:
    async def test(changes: Changes, client: Any) -> None:
        first, second = Hearer(changes), Hearer(changes)
        await reached(lambda: changes.is_listening)
        assert (first.begun, second.begun, subscribers(client)) == (1, 1, 1)
        job_id = await asyncio.to_thread(submitted, redis_url)
        await reached(lambda: first.heard and second.heard)
        assert first.heard == second.heard == [Change(job_id, 1, "queued", OWNER)]
        # Who comes later knows nothing of before, and need not wait.
        third = Hearer(changes)
        assert third.begun == 1

    play(test)


def submitted(url: str) -> str:
    with closing(Workbench(Real(url), Settings())) as bench:
        return bench.submit().id


def test_who_has_left_hears_nothing_and_the_last_one_ends_it(play: Any) -> None:
    async def test(changes: Changes, client: Any) -> None:
        one, other = Hearer(changes), Hearer(changes)
        await reached(lambda: changes.is_listening)
        one.leave()
        client.publish(keys.changed("x"), "1 queued o")
        await reached(lambda: other.heard)
        assert one.heard == []
        other.leave()
        # Seen at the next word: who waits again soon finds it there.
        client.publish(keys.changed("x"), "2 queued o")
        await reached(lambda: not changes.is_listening)
        await reached(lambda: subscribers(client) == 0)
        again = Hearer(changes)
        await reached(lambda: again.begun)

    play(test)


def test_who_comes_back_soon_finds_it_there(play: Any) -> None:
    async def test(changes: Changes, client: Any) -> None:
        Hearer(changes).leave()
        back = Hearer(changes)
        await reached(lambda: changes.is_listening)
        back.leave()
        assert Hearer(changes).begun == 1
        assert subscribers(client) == 1

    play(test)


def test_a_lost_connection_is_known_and_made_again(play: Any) -> None:
    async def test(changes: Changes, client: Any) -> None:
        hearer = Hearer(changes)
        await reached(lambda: changes.is_listening)
        client.client_kill_filter(_type="pubsub")
        await reached(lambda: not changes.is_listening)
        await reached(lambda: hearer.begun == 2)
        client.publish(keys.changed("x"), "1 queued o")
        await reached(lambda: hearer.heard)

    play(test)


def test_a_redis_that_says_nothing_is_taken_for_lost(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_S", 0.1)

    async def test(changes: Changes, client: Any) -> None:
        hearer = Hearer(changes)
        await reached(lambda: changes.is_listening)
        # One that is merely idle is asked, and answers.
        await asyncio.sleep(0.5)
        assert (changes.is_listening, hearer.begun) == (True, 1)
        client.execute_command("CLIENT", "PAUSE", 600, "ALL")
        await reached(lambda: not changes.is_listening)
        await reached(lambda: hearer.begun == 2)

    play(test)


@pytest.mark.parametrize("rubbish", [b"", b"1", b"one queued o", b"\xff\xfe \xff x", b"1 queued"])
def test_what_no_script_said_is_passed_over(play: Any, rubbish: bytes) -> None:
    async def test(changes: Changes, client: Any) -> None:
        hearer = Hearer(changes)
        await reached(lambda: changes.is_listening)
        client.publish(keys.changed("x"), rubbish)
        client.publish(keys.changed("y"), "2 failed")
        client.publish(keys.changed("y"), "2 failed ")
        await reached(lambda: hearer.heard)
        assert hearer.heard == [Change("y", 2, "failed", "")]
        assert hearer.begun == 1

    play(test)


def test_where_nobody_may_subscribe_it_says_that_it_hears_nothing(
    redis_program: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One line of a kind in a while, whoever it was about.
    monkeypatch.setattr(connection, "_told_until", {})
    with closing(Private(redis_program)) as private, redis.Redis.from_url(private.url) as admin:
        admin.execute_command("ACL", "SETUSER", "deaf", "on", ">x", "~*", "resetchannels", "+@all")

        async def test() -> None:
            client = AsyncRedis.from_url(private.url.replace("unix://", "unix://deaf:x@"))
            changes = Changes(client)
            hearer = Hearer(changes)
            await reached(lambda: caplog.records)
            assert (changes.is_listening, hearer.begun) == (False, 0)
            await changes.close()
            await client.aclose()

        asyncio.run(test())
    assert "hearing of changes waits" in caplog.text
