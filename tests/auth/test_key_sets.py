import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pollable.auth.download import MAX_BYTES
from pollable.auth.key_set import DROP_AFTER_S, FIRST_FETCH_PAUSE_S, REFRESH_AFTER_S, REFRESH_PAUSE_S
from pollable.auth.principal import Verified
from pollable.errors import InvalidToken, KeysUnavailable, StoreUnavailable
from tests.auth.conftest import Clock
from tests.auth.keyserver import KeyServer, tokens_of
from tests.auth.minting import jwk, rsa_key, signed

ClockOf = Callable[[str], Clock]

FIRST = signed(rsa_key("first"), "RS256", kid="first")
SECOND = signed(rsa_key("second"), "RS256", kid="second")
FIRST_KEY = jwk(rsa_key("first"), "first")
SECOND_KEY = jwk(rsa_key("second"), "second")


async def until_refused(verify: Callable[[], Coroutine[Any, Any, Verified]]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            await verify()
        except InvalidToken:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the token still counts")


def test_the_keys_are_fetched_when_first_needed_and_then_kept(key_server: KeyServer) -> None:
    key_server.publish(FIRST_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        assert key_server.hits == 0
        for _ in range(20):
            await tokens.verify(FIRST)
        assert key_server.hits == 1

    asyncio.run(body())


def test_a_rotated_key_is_found_once_the_pause_is_over(key_server: KeyServer, clock_of: ClockOf) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.publish(FIRST_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(FIRST)
        key_server.publish(FIRST_KEY, SECOND_KEY)
        clock.now_s += REFRESH_PAUSE_S - 0.1
        with pytest.raises(InvalidToken):
            await tokens.verify(SECOND)
        assert key_server.hits == 1
        clock.now_s += 0.1
        await tokens.verify(SECOND)
        await tokens.verify(FIRST)
        assert key_server.hits == 2

    asyncio.run(body())


def test_a_storm_of_unknown_kids_costs_one_fetch_in_thirty_seconds(key_server: KeyServer, clock_of: ClockOf) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.publish(FIRST_KEY)
    storm = [signed(rsa_key("attacker"), "RS256", kid=f"kid {number}") for number in range(200)]

    async def body() -> None:
        tokens = tokens_of(key_server)
        for hits in (1, 2, 3):
            answers = await asyncio.gather(*(tokens.verify(token) for token in storm), return_exceptions=True)
            assert all(isinstance(answer, InvalidToken) for answer in answers)
            assert key_server.hits == hits
            await tokens.verify(FIRST)
            clock.now_s += REFRESH_PAUSE_S

    asyncio.run(body())


def test_many_first_requests_share_one_fetch(key_server: KeyServer) -> None:
    key_server.publish(FIRST_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await asyncio.gather(*(tokens.verify(FIRST) for _ in range(100)))
        assert key_server.hits == 1

    asyncio.run(body())


@pytest.mark.parametrize(
    "trouble", ["status 500", "not JSON", "no keys", "no usable keys", "keys no list", "too large", "deep"]
)
def test_keys_that_are_known_keep_counting_while_the_set_cannot_be_fetched(
    key_server: KeyServer, clock_of: ClockOf, trouble: str
) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.publish(FIRST_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(FIRST)
        break_down(key_server, trouble)
        clock.now_s += REFRESH_PAUSE_S
        with pytest.raises(InvalidToken):
            await tokens.verify(SECOND)
        assert key_server.hits == 2
        await tokens.verify(FIRST)
        key_server.publish(SECOND_KEY)
        clock.now_s += REFRESH_PAUSE_S
        await tokens.verify(SECOND)

    asyncio.run(body())


def break_down(server: KeyServer, trouble: str) -> None:
    server.publish()
    if trouble == "status 500":
        server.status = 500
    server.body = {
        "status 500": b"",
        "not JSON": b"<html>",
        "no keys": b'{"keys": []}',
        "no usable keys": b'{"keys": [{"kty": "RSA"}, {"kty": "oct", "k": "AAAA"}, {"kty": 7, "n": 7}]}',
        "keys no list": b'{"keys": {"first": 1}}',
        "too large": json.dumps({"keys": [SECOND_KEY]}).encode() + b" " * MAX_BYTES,
        "deep": b'{"keys": ' + b"[" * 100_000,
    }[trouble]


def test_keys_that_cannot_be_fetched_for_a_day_count_no_more(key_server: KeyServer, clock_of: ClockOf) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.publish(FIRST_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(FIRST)
        key_server.status = 500
        clock.now_s += DROP_AFTER_S
        await tokens.verify(FIRST)
        clock.now_s += 1
        with pytest.raises(KeysUnavailable):
            await tokens.verify(FIRST)
        key_server.publish(FIRST_KEY)
        clock.now_s += REFRESH_PAUSE_S
        await tokens.verify(FIRST)

    asyncio.run(body())


def test_without_any_key_the_answer_is_to_come_back_soon(key_server: KeyServer, clock_of: ClockOf) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.status = 503

    async def body() -> None:
        tokens = tokens_of(key_server)
        for _ in range(10):
            with pytest.raises(StoreUnavailable) as caught:
                await tokens.verify(FIRST)
            assert caught.value.retry_after_s == 2
        assert key_server.hits == 1
        key_server.publish(FIRST_KEY)
        clock.now_s += FIRST_FETCH_PAUSE_S
        await tokens.verify(FIRST)

    asyncio.run(body())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(key_server: KeyServer, other_server: KeyServer, status: int) -> None:
    other_server.publish(FIRST_KEY)
    key_server.status, key_server.headers = status, {"Location": other_server.url}
    with pytest.raises(StoreUnavailable):
        asyncio.run(tokens_of(key_server).verify(FIRST))
    assert (key_server.hits, other_server.hits) == (1, 0)


def test_a_slow_key_server_holds_up_only_those_who_need_it(key_server: KeyServer, clock_of: ClockOf) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.publish(FIRST_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(FIRST)
        key_server.publish(FIRST_KEY, SECOND_KEY)
        key_server.is_open.clear()
        clock.now_s += REFRESH_PAUSE_S
        waiting = asyncio.create_task(tokens.verify(SECOND))
        slowest_s = 0.0
        for _ in range(50):
            begun_at = time.monotonic()
            await asyncio.sleep(0.01)
            await tokens.verify(FIRST)
            slowest_s = max(slowest_s, time.monotonic() - begun_at)
        assert not waiting.done()
        assert slowest_s < 0.5
        key_server.is_open.set()
        await waiting

    asyncio.run(body())


def test_a_caller_who_gives_up_does_not_take_the_fetch_with_him(key_server: KeyServer) -> None:
    key_server.publish(FIRST_KEY)
    key_server.is_open.clear()

    async def body() -> None:
        tokens = tokens_of(key_server)
        impatient = asyncio.create_task(tokens.verify(FIRST))
        patient = asyncio.create_task(tokens.verify(FIRST))
        await asyncio.to_thread(key_server.was_hit.wait, 10)
        impatient.cancel()
        key_server.is_open.set()
        await patient
        assert key_server.hits == 1

    asyncio.run(body())


def test_a_key_that_the_issuer_withdrew_stops_counting(key_server: KeyServer, clock_of: ClockOf) -> None:
    clock = clock_of("pollable.auth.key_set")
    key_server.publish(FIRST_KEY, SECOND_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(FIRST)
        key_server.publish(SECOND_KEY)
        clock.now_s += REFRESH_AFTER_S + 1
        await until_refused(lambda: tokens.verify(FIRST))
        await tokens.verify(SECOND)
        assert key_server.hits == 2

    asyncio.run(body())
