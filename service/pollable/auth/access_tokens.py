"""Personal access tokens, kept in Redis by their SHA-256 alone: whose a token is."""

import hashlib
import re

from redis.asyncio import Redis

from pollable.auth.principal import Principal, Verified, invalid_token
from pollable.storage import keys
from pollable.storage.batch import BatchedScript

PREFIX = "pbl_"
TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9]{{32}}")
BATCH = 64


class AccessTokens:
    """The tokens that one Redis has. Those that are asked for meanwhile are looked up with one call."""

    def __init__(self, redis: Redis) -> None:
        self._script = BatchedScript(redis, "token", head=(keys.PREFIX,), most=BATCH)

    async def verify(self, token: str) -> Verified:
        """Raises `InvalidToken`, `StoreUnavailable`."""
        if not TOKEN.fullmatch(token):
            raise invalid_token("The token is malformed.")
        row = await self._script.ask((digest(token),))
        if not row:
            raise invalid_token("The token is unknown, has expired or was revoked.")
        owner, scopes, ttl_ms = row
        principal = Principal(owner.decode(), frozenset(scopes.decode().split()))
        return Verified(principal, ttl_ms / 1000, is_revocable=True)


def digest(token: str) -> str:
    """What is kept in the token's place."""
    return hashlib.sha256(token.encode()).hexdigest()
