import asyncio
import time
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from pollable.auth.authenticator import MAX_REMEMBERED, REMEMBERED_S, Authenticator
from pollable.auth.web_tokens import LEEWAY_S
from pollable.errors import InvalidToken
from pollable.settings import Settings
from tests.auth.conftest import Clock
from tests.auth.minting import ISSUER, SECRET, bearer, hs_token


def authenticator() -> Authenticator:
    return Authenticator.from_settings(
        Settings(auth=("jwt",), jwt_secret=SECRET, jwt_issuer=ISSUER, jwt_audience="pollable"), Redis()
    )


def test_a_verified_token_is_known_without_another_look_for_a_minute(clock_of: Callable[[str], Clock]) -> None:
    clock = clock_of("pollable.auth.authenticator")
    guard, header = authenticator(), bearer(hs_token())
    assert guard.remembered(header) is None
    principal = asyncio.run(guard.authenticate(header))
    assert guard.remembered(header) is principal
    clock.now_s += REMEMBERED_S - 0.1
    assert guard.remembered(header) is principal
    clock.now_s += 0.1
    assert guard.remembered(header) is None


def test_a_token_is_remembered_no_longer_than_it_is_valid() -> None:
    guard, header = authenticator(), bearer(hs_token(exp=time.time() + 1.5))
    asyncio.run(guard.authenticate(header))
    begun_at = time.monotonic()
    assert guard.remembered(header) is not None
    while guard.remembered(header) is not None:
        assert time.monotonic() - begun_at < 2
        time.sleep(0.01)
    assert time.monotonic() - begun_at > 0.5


def test_a_token_that_only_the_leeway_saves_is_not_remembered() -> None:
    guard, header = authenticator(), bearer(hs_token(exp=int(time.time()) - LEEWAY_S // 2))
    asyncio.run(guard.authenticate(header))
    assert guard.remembered(header) is None


def test_a_refusal_is_not_remembered() -> None:
    guard, header = authenticator(), bearer(hs_token(nbf=int(time.time()) + LEEWAY_S + 2))
    with pytest.raises(InvalidToken):
        asyncio.run(guard.authenticate(header))
    deadline = time.monotonic() + 10
    while True:
        try:
            asyncio.run(guard.authenticate(header))
            break
        except InvalidToken:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_oldest_are_forgotten_where_there_are_too_many() -> None:
    guard = authenticator()
    headers = [bearer(hs_token(sub=f"user {number}")) for number in range(MAX_REMEMBERED + 2)]

    async def authenticate_all() -> None:
        for header in headers:
            await guard.authenticate(header)

    asyncio.run(authenticate_all())
    known = [guard.remembered(header) is not None for header in headers]
    assert known == [False, False] + [True] * MAX_REMEMBERED


def test_another_spelling_of_a_header_is_another_header() -> None:
    guard, token = authenticator(), hs_token()
    asyncio.run(guard.authenticate(bearer(token)))
    assert guard.remembered(b"Bearer " + token.encode()[:-1] + b"\0") is None
    assert guard.remembered(b"Basic " + token.encode()) is None
