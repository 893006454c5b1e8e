"""Personal access tokens, as an operator makes, lists and revokes them."""

import re
import secrets
import string
from collections.abc import Iterable
from time import time
from typing import Any

import msgspec
import redis

from pollable.auth.access_tokens import PREFIX, TOKEN, digest
from pollable.auth.principal import DEFAULT_SCOPES, SCOPES, is_nameable, owner_of
from pollable.errors import InvalidParameter
from pollable.storage import keys
from pollable.storage.connection import store_errors

YEAR_S = 365 * 86_400
MAX_LIFETIME_S = 10 * YEAR_S

_ALPHABET = string.ascii_letters + string.digits
_ID = re.compile(r"[0-9a-f]{12}")


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token; never the token.

    Times are milliseconds since the Unix epoch; `used_on` is the day of its last use (UTC), in days since then.
    """

    id: str
    name: str
    subject: str
    owner: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int
    used_on: int | None = None


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
        id=digest(token)[:12],
        name=name,
        subject=subject,
        owner=owner_of(issuer, subject),
        scopes=wanted,
        created_at=created_at,
        expires_at=created_at + lifetime_s * 1000,
    )
    _keep(client, keys.token(digest(token)), kept)
    return token, kept


def every(client: redis.Redis) -> list[AccessToken]:
    """All tokens that still count, oldest first. Walks the whole keyspace. Raises `StoreUnavailable`."""
    with store_errors():
        found = [_kept(client.hgetall(key)) for key in client.scan_iter(match=keys.token("*"), count=1000)]
    return sorted((token for token in found if token is not None), key=lambda token: token.created_at)


def revoke(client: redis.Redis, token_or_id: str) -> AccessToken | None:
    """Forget the token; None where there is none. It writes no more, and reads for 5 s at the most.

    Takes the token itself, as it was found leaked, or its id. Raises `StoreUnavailable`.
    """
    with store_errors():
        for key in _keys_of(client, token_or_id):
            token = _kept(client.hgetall(key))
            if client.delete(key):
                return token
    return None


def _check(subject: str, *, name: str, scopes: frozenset[str], lifetime_s: int) -> None:
    if not is_nameable(subject):
        raise InvalidParameter("A token belongs to a subject of 1 to 255 printable characters.")
    if len(name) > 255 or not name.isprintable():
        raise InvalidParameter("The name of a token is at most 255 printable characters.")
    if not scopes or not scopes <= SCOPES:
        raise InvalidParameter(f"The scopes of a token are one or more of {', '.join(sorted(SCOPES))}.")
    if not 1 <= lifetime_s <= MAX_LIFETIME_S:
        raise InvalidParameter(f"A token lives for 1 to {MAX_LIFETIME_S} seconds.")


def _keep(client: redis.Redis, key: str, token: AccessToken) -> None:
    values: dict[Any, Any] = {**msgspec.structs.asdict(token), "scopes": " ".join(sorted(token.scopes))}
    del values["used_on"]
    with store_errors(), client.pipeline(transaction=True) as pipeline:
        pipeline.hset(key, mapping=values)
        pipeline.pexpire(key, token.expires_at - token.created_at)
        pipeline.execute()


def _kept(values: dict[Any, Any]) -> AccessToken | None:
    """None where it expired since its key was listed."""
    if not values:
        return None
    texts = {name.decode(): value.decode() for name, value in values.items()}
    return msgspec.convert({**texts, "scopes": texts["scopes"].split()}, type=AccessToken, strict=False)


def _keys_of(client: redis.Redis, token_or_id: str) -> list[bytes]:
    if TOKEN.fullmatch(token_or_id):
        return [keys.token(digest(token_or_id)).encode()]
    if _ID.fullmatch(token_or_id):
        return list(client.scan_iter(match=keys.token(f"{token_or_id}*"), count=1000))
    return []
