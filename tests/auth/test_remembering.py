import asyncio
import time
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from pollable.auth.authenticator import MAX_REMEMBERED, REMEMBERED_S, Authenticator
from pollable.auth.web_tokens import LEEWAY_S
from pollable.errors import InvalidToken
from pollable.pace import MOST_S, PACE_S
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


def refusal_s(guard: Authenticator, *tokens: str) -> list[float]:
    """When each was refused after all were asked for at once."""
    began_at = time.monotonic()

    async def refused(token: str) -> float:
        with pytest.raises(InvalidToken):
            await guard.authenticate(bearer(token))
        return time.monotonic() - began_at

    async def all_refused() -> list[float]:
        return await asyncio.gather(*map(refused, tokens))

    return asyncio.run(all_refused())


BAD = hs_token("another secret of thirty-two bytes")


@pytest.mark.parametrize("token", [BAD, "pbl_" + "a" * 32, "a" * 9_000], ids=["signature", "kind", "size"])
def test_bad_tokens_are_refused_one_after_another(token: str) -> None:
    waits_s = sorted(refusal_s(authenticator(), *[token] * 41))
    assert waits_s[-1] >= 39 * PACE_S
    assert waits_s[0] < waits_s[-1] / 2


def test_no_refusal_waits_for_longer_than_a_second_and_no_good_token_at_all() -> None:
    guard, header = authenticator(), bearer(hs_token())

    async def among_bad_ones() -> tuple[float, float]:
        began_at = time.monotonic()
        bad = [asyncio.create_task(guard.authenticate(bearer(BAD))) for _ in range(400)]
        await asyncio.sleep(0)
        await guard.authenticate(header)
        good_s = time.monotonic() - began_at
        await asyncio.gather(*bad, return_exceptions=True)
        return good_s, time.monotonic() - began_at

    good_s, bad_s = asyncio.run(among_bad_ones())
    assert MOST_S <= bad_s < 400 * PACE_S
    assert good_s < bad_s / 2
