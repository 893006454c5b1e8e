import asyncio
import hashlib
import re
import time
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pollable.auth.authenticator import Authenticator, Principal, owner_of
from pollable.cli import issued_tokens
from pollable.errors import InvalidParameter, InvalidToken, StoreUnavailable
from pollable.settings import Settings
from pollable.storage import keys
from tests.auth.minting import AUDIENCE, ISSUER, SECRET, bearer, hs_token

BOTH = Settings(auth=("jwt", "tokens"), jwt_secret=SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
TOKENS = Settings(auth=("tokens",))


def principals(redis_url: str, settings: Settings, *headers: bytes) -> list[Principal]:
    async def body() -> list[Principal]:
        async with Redis.from_url(redis_url) as connected:
            guard = Authenticator.from_settings(settings, connected)
            return [await guard.authenticate(header) for header in headers]

    return asyncio.run(body())


def test_a_token_proves_its_subject_and_scopes(redis_client: redis.Redis, redis_url: str) -> None:
    token, kept = issued_tokens.create(redis_client, "ann", name="laptop")
    assert re.fullmatch("pbl_[A-Za-z0-9]{32}", token)
    assert principals(redis_url, TOKENS, bearer(token)) == [
        Principal(owner_of("", "ann"), frozenset({"jobs:read", "jobs:write"}))
    ]
    reader, _ = issued_tokens.create(redis_client, "ann", scopes=["jobs:read"])
    assert principals(redis_url, TOKENS, bearer(reader))[0].scopes == {"jobs:read"}
    assert (kept.name, kept.subject) == ("laptop", "ann")


def test_with_the_same_issuer_both_kinds_of_token_prove_the_same_person(
    redis_client: redis.Redis, redis_url: str
) -> None:
    token, _ = issued_tokens.create(redis_client, "ann", issuer=ISSUER)
    by_token, by_jwt = principals(redis_url, BOTH, bearer(token), bearer(hs_token()))
    assert by_token == by_jwt


def test_redis_never_sees_the_token(redis_client: redis.Redis) -> None:
    token, kept = issued_tokens.create(redis_client, "ann", name="laptop")
    (key,) = redis_client.keys("*")
    assert key == keys.token(hashlib.sha256(token.encode()).hexdigest()).encode()
    assert token.removeprefix("pbl_") not in repr(redis_client.hgetall(key))
    assert token.removeprefix("pbl_") not in repr(kept)


def test_a_token_expires_with_its_key(redis_client: redis.Redis, redis_url: str) -> None:
    token, kept = issued_tokens.create(redis_client, "ann", lifetime_s=1)
    assert kept.expires_at - kept.created_at == 1000
    principals(redis_url, TOKENS, bearer(token))
    deadline = time.monotonic() + 5
    while redis_client.keys("*"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(InvalidToken):
        principals(redis_url, TOKENS, bearer(token))


def test_a_token_lives_for_a_year_unless_it_is_told_otherwise(redis_client: redis.Redis) -> None:
    issued_tokens.create(redis_client, "ann")
    (key,) = redis_client.keys("*")
    assert 364 * 86_400 < redis_client.ttl(key) <= 365 * 86_400


def test_all_tokens_are_listed_oldest_first(redis_client: redis.Redis) -> None:
    redis_client.set("something else", "x", ex=60)
    made = []
    for number in range(5):
        name, scopes = f"token {number}", ["jobs:admin"]
        made.append(issued_tokens.create(redis_client, f"user {number}", name=name, scopes=scopes)[1])
        time.sleep(0.002)
    assert issued_tokens.every(redis_client) == made


@pytest.mark.parametrize("by", ["id", "token"])
def test_a_revoked_token_is_refused(redis_client: redis.Redis, redis_url: str, by: str) -> None:
    token, kept = issued_tokens.create(redis_client, "ann")
    other, _ = issued_tokens.create(redis_client, "bob")
    assert issued_tokens.revoke(redis_client, kept.id if by == "id" else token) == kept
    assert issued_tokens.revoke(redis_client, kept.id) is None
    with pytest.raises(InvalidToken) as caught:
        principals(redis_url, TOKENS, bearer(token))
    reason = "The token is unknown, has expired or was revoked."
    assert caught.value.headers["WWW-Authenticate"] == f'Bearer error="invalid_token", error_description="{reason}"'
    principals(redis_url, TOKENS, bearer(other))


@pytest.mark.parametrize("rubbish", ["", "*", "????????????", "pbl_*", "a" * 64, "ABCDEFABCDEF", "pbl_" + "é" * 32])
def test_revoking_what_is_no_token_touches_none(redis_client: redis.Redis, rubbish: str) -> None:
    issued_tokens.create(redis_client, "ann")
    assert issued_tokens.revoke(redis_client, rubbish) is None
    assert len(issued_tokens.every(redis_client)) == 1


@pytest.mark.parametrize(
    "token",
    ["pbl_", "pbl_" + "a" * 31, "pbl_" + "a" * 33, "pbl_" + "a" * 31 + "-", "pbl_" + "a" * 32, "PBL_" + "a" * 32],
    ids=["prefix only", "short", "long", "another character", "never made", "prefix in capitals"],
)
def test_what_is_no_token_of_ours_is_refused(redis_url: str, token: str) -> None:
    with pytest.raises(InvalidToken):
        principals(redis_url, TOKENS, bearer(token))
    with pytest.raises(InvalidToken):
        principals(redis_url, BOTH, bearer(token))


def test_a_web_token_is_refused_where_only_access_tokens_count(redis_url: str) -> None:
    with pytest.raises(InvalidToken, match="this kind"):
        principals(redis_url, TOKENS, bearer(hs_token()))


@pytest.mark.parametrize(
    "arguments",
    [
        {"subject": ""},
        {"subject": "a" * 256},
        {"subject": "ann\nadmin"},
        {"subject": "\udcff"},
        {"name": "lap\ntop"},
        {"name": "a" * 256},
        {"scopes": []},
        {"scopes": ["jobs:read", "jobs:everything"]},
        {"lifetime_s": 0},
        {"lifetime_s": -1},
        {"lifetime_s": 11 * 365 * 86_400},
    ],
    ids=lambda arguments: f"{next(iter(arguments))}={str(next(iter(arguments.values())))[:12]!r}",
)
def test_a_token_that_cannot_be_is_not_made(redis_client: redis.Redis, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        issued_tokens.create(redis_client, **{"subject": "ann", **arguments})
    assert redis_client.keys("*") == []


def test_a_redis_that_is_away_is_a_503_and_not_a_refused_token() -> None:
    token = "pbl_" + "a" * 32
    with pytest.raises(StoreUnavailable):
        principals("redis://127.0.0.1:1/0", TOKENS, bearer(token))
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as away, pytest.raises(StoreUnavailable):
        issued_tokens.every(away)


def test_a_malformed_token_does_not_reach_redis() -> None:
    with pytest.raises(InvalidToken, match="malformed"):
        principals("redis://127.0.0.1:1/0", TOKENS, bearer("pbl_short"))


def test_web_tokens_are_believed_while_redis_is_away() -> None:
    assert principals("redis://127.0.0.1:1/0", BOTH, bearer(hs_token()))[0].owner == owner_of(ISSUER, "ann")
