"""Personal access tokens: made and revoked by an operator, kept in Redis by their SHA-256 alone."""

import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from time import time
from typing import Any

import msgspec
import redis
import redis.asyncio

from service import keys
from service.errors import InvalidParameter
from service.principal import DEFAULT_SCOPES, SCOPES, Principal, Verified, invalid_token, is_nameable, owner_of
from service.redisconnection import store_errors

PREFIX = "pbl_"
YEAR_S = 365 * 86_400
MAX_LIFETIME_S = 10 * YEAR_S

_ALPHABET = string.ascii_letters + string.digits
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9]{{32}}")
_ID = re.compile(r"[0-9a-f]{12}")


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; never the token. Times are milliseconds since the Unix epoch."""

    id: str
    name: str
    subject: str
    owner: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int


def create(
    client: redis.Redis,
    subject: str,
    *,
    issuer: str = "",
    name: str = "",
    scopes: Iterable[str] = DEFAULT_SCOPES,
    lifetime_s: int = YEAR_S,
) -> tuple[str, AccessToken]:
    """The new token, which is shown this once, and what is kept of it.

    `subject` is whose token it is, `name` what the operator calls it. With the same `issuer` (`issuer.issuer_name`) as
    their JSON Web Tokens, both see the same jobs. Raises `InvalidParameter`, `StoreUnavailable`, `StoreFull`.
    """
    wanted = frozenset(scopes)
    _check(subject, name=name, scopes=wanted, lifetime_s=lifetime_s)
    token = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(32))
    created_at = int(time() * 1000)
    kept = AccessToken(
        id=_digest(token)[:12],
        name=name,
        subject=subject,
        owner=owner_of(issuer, subject),
        scopes=wanted,
        created_at=created_at,
        expires_at=created_at + lifetime_s * 1000,
    )
    _keep(client, _digest(token), kept)
    return token, kept


def every(client: redis.Redis) -> list[AccessToken]:
    """All tokens that still count, oldest first. Walks the whole keyspace. Raises `StoreUnavailable`."""
    with store_errors():
        found = [_kept(client.hgetall(key)) for key in client.scan_iter(match=keys.token("*"), count=1000)]
    return sorted((token for token in found if token is not None), key=lambda token: token.created_at)


def revoke(client: redis.Redis, token_or_id: str) -> AccessToken | None:
    """Forget the token; None where there is none. Web processes that remember it do so for 60 s at the most.

    Takes the token itself, as it was found leaked, or its id. Raises `StoreUnavailable`.
    """
    with store_errors():
        for key in _keys_of(client, token_or_id):
            token = _kept(client.hgetall(key))
            if client.delete(key):
                return token
    return None


async def verify(client: redis.asyncio.Redis, token: str) -> Verified:
    """Raises `InvalidToken`, `StoreUnavailable`."""
    if not _TOKEN.fullmatch(token):
        raise invalid_token("The token is malformed.")
    key = keys.token(_digest(token))
    with store_errors():
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.hmget(key, ["owner", "scopes"])
            pipeline.pttl(key)
            (owner, scopes), ttl_ms = await pipeline.execute()
    if ttl_ms <= 0:
        raise invalid_token("The token is unknown, has expired or was revoked.")
    return Verified(Principal(owner.decode(), frozenset(scopes.decode().split())), ttl_ms / 1000)


def _check(subject: str, *, name: str, scopes: frozenset[str], lifetime_s: int) -> None:
    if not is_nameable(subject):
        raise InvalidParameter("A token belongs to a subject of 1 to 255 printable characters.")
    if len(name) > 255 or not name.isprintable():
        raise InvalidParameter("The name of a token is at most 255 printable characters.")
    if not scopes or not scopes <= SCOPES:
        raise InvalidParameter(f"The scopes of a token are one or more of {', '.join(sorted(SCOPES))}.")
    if not 1 <= lifetime_s <= MAX_LIFETIME_S:
        raise InvalidParameter(f"A token lives for 1 to {MAX_LIFETIME_S} seconds.")


def _keep(client: redis.Redis, digest: str, token: AccessToken) -> None:
    values: dict[Any, Any] = {**msgspec.structs.asdict(token), "scopes": " ".join(sorted(token.scopes))}
    with store_errors(), client.pipeline(transaction=True) as pipeline:
        pipeline.hset(keys.token(digest), mapping=values)
        pipeline.pexpire(keys.token(digest), token.expires_at - token.created_at)
        pipeline.execute()


def _kept(values: dict[Any, Any]) -> AccessToken | None:
    """None where it expired since its key was listed."""
    if not values:
        return None
    texts = {name.decode(): value.decode() for name, value in values.items()}
    return msgspec.convert({**texts, "scopes": texts["scopes"].split()}, type=AccessToken, strict=False)


def _keys_of(client: redis.Redis, token_or_id: str) -> list[bytes]:
    if _TOKEN.fullmatch(token_or_id):
        return [keys.token(_digest(token_or_id)).encode()]
    if _ID.fullmatch(token_or_id):
        return list(client.scan_iter(match=keys.token(f"{token_or_id}*"), count=1000))
    return []


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
