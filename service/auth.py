"""The Authorization header's bytes -> a `Principal`. Knows nothing of HTTP beyond that."""

import hashlib
import re
from time import monotonic

from redis.asyncio import Redis

from service import tokens
from service.errors import SettingsError, Unauthenticated
from service.issuer import is_loopback, issuer_from
from service.principal import ANONYMOUS, Principal, Verified, invalid_token, owner_of, require
from service.settings import Settings
from service.webtokens import WebTokens

__all__ = ["ANONYMOUS", "Authenticator", "Principal", "check_exposure", "owner_of", "require"]

REMEMBERED_S = 60.0
"""A verified token is believed without another look for this long; so long may a revocation take."""
MAX_REMEMBERED = 10_000
MAX_TOKEN_BYTES = 8_192

# RFC 6750, section 2.1.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")


class Authenticator:
    """Turns credentials into principals, and remembers those that it has verified; refusals are never remembered."""

    def __init__(self, *, web_tokens: WebTokens | None, token_store: Redis | None) -> None:
        self._web_tokens = web_tokens
        self._token_store = token_store
        self._is_open = web_tokens is None and token_store is None
        # In the order in which they were verified. Digests, so that ten thousand long tokens stay small.
        self._remembered: dict[bytes, tuple[Principal, float]] = {}

    @classmethod
    def from_settings(cls, settings: Settings, redis: Redis) -> "Authenticator":
        """Raises `SettingsError` for what cannot work or would let everyone in."""
        check_exposure(settings)
        modes = settings.auth if settings.auth is not None else ("none",)
        if not modes or ("none" in modes and len(modes) > 1):
            raise SettingsError("POLLABLE_AUTH is none alone, or jwt, tokens, or both.")
        return cls(
            web_tokens=WebTokens(issuer_from(settings)) if "jwt" in modes else None,
            token_store=redis if "tokens" in modes else None,
        )

    def remembered(self, authorization: bytes | None) -> Principal | None:
        """The principal, where no more than a look-up is needed to know them."""
        if self._is_open:
            return ANONYMOUS
        if authorization is None:
            return None
        known = self._remembered.get(_digest(authorization))
        return known[0] if known is not None and monotonic() < known[1] else None

    async def authenticate(self, authorization: bytes | None) -> Principal:
        """Raises `Unauthenticated`, `InvalidToken` (both with their challenge), `StoreUnavailable`."""
        known = self.remembered(authorization)
        if known is not None:
            return known
        token = _bearer_token(authorization or b"")
        verified = await self._verify(token)
        self._remember(_digest(authorization or b""), verified)
        return verified.principal

    async def _verify(self, token: str) -> Verified:
        if token.startswith(tokens.PREFIX):
            if self._token_store is not None:
                return await tokens.verify(self._token_store, token)
        elif self._web_tokens is not None:
            return await self._web_tokens.verify(token)
        raise invalid_token("Tokens of this kind are not accepted here.")

    def _remember(self, digest: bytes, verified: Verified) -> None:
        self._remembered.pop(digest, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        forget_at = monotonic() + min(verified.lasts_s, REMEMBERED_S)
        self._remembered[digest] = (verified.principal, forget_at)


def check_exposure(settings: Settings) -> None:
    """Raises `SettingsError` where nothing was said about authentication and others than this machine could call."""
    if settings.auth is not None:
        return
    if settings.jwt_secret or settings.jwks_url or settings.cognito_pool:
        raise SettingsError("There are settings for JSON Web Tokens, yet POLLABLE_AUTH is not set; set it to jwt.")
    if not is_loopback(settings.host):
        raise SettingsError(
            f"The service would listen on {settings.host} and let everyone in. Set POLLABLE_AUTH to jwt, tokens, or "
            "both; or to none, if everyone who reaches it may see and change every job."
        )


def _bearer_token(authorization: bytes) -> str:
    if len(authorization) > MAX_TOKEN_BYTES + len(b"Bearer "):
        raise invalid_token(f"The token is longer than {MAX_TOKEN_BYTES} bytes.")
    scheme, *credentials = authorization.split() or [b""]
    if scheme.lower() != b"bearer" or not credentials:
        raise Unauthenticated("A bearer token is required.", headers={"WWW-Authenticate": "Bearer"})
    if len(credentials) != 1 or not _TOKEN.fullmatch(credentials[0]):
        raise invalid_token("The header must hold exactly one bearer token.")
    return credentials[0].decode()


def _digest(authorization: bytes) -> bytes:
    return hashlib.sha256(authorization).digest()
