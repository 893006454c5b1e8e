"""The Authorization header's bytes -> a `Principal`. Knows nothing of HTTP beyond that."""

import hashlib
import re
from time import monotonic

import msgspec
from redis.asyncio import Redis

from pollable.auth.access_tokens import PREFIX, AccessTokens
from pollable.auth.issuer import issuer_from
from pollable.auth.principal import ANONYMOUS, Principal, Verified, invalid_token, owner_of, require
from pollable.auth.web_tokens import WebTokens
from pollable.errors import InvalidToken, SettingsError, Unauthenticated
from pollable.pace import Pace
from pollable.settings import Settings
from pollable.settings.agreement import require_agreement
from pollable.settings.fronts import is_loopback

__all__ = ["ANONYMOUS", "CHOICE", "Authenticator", "Principal", "check_exposure", "owner_of", "require"]

REMEMBERED_S = 60.0
"""A verified token is believed without another look for this long."""
REVOCABLE_S = 5.0
"""One that may be revoked meanwhile: for so long, and to read only."""
MAX_REMEMBERED = 10_000
MAX_TOKEN_BYTES = 8_192

CHOICE = (
    "Set POLLABLE_AUTH to jwt, tokens, or both; or to none, if all who reach it may see and change each other's jobs."
)

# RFC 6750, section 2.1.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")


class _Known(msgspec.Struct, frozen=True):
    """A principal, and until when no other look is needed (`monotonic`)."""

    principal: Principal
    may_read_until: float
    may_write_until: float


class Authenticator:
    """Turns credentials into principals, and remembers those that it has verified; refusals are never remembered."""

    def __init__(self, *, web_tokens: WebTokens | None, access_tokens: AccessTokens | None, is_open: bool) -> None:
        self._web_tokens = web_tokens
        self._access_tokens = access_tokens
        self._is_open = is_open
        # In the order in which they were verified. Digests, so that ten thousand long tokens stay small.
        self._remembered: dict[bytes, _Known] = {}
        self._refusals = Pace()

    @classmethod
    def from_settings(cls, settings: Settings, redis: Redis) -> "Authenticator":
        """Raises `SettingsError` for what cannot work or would let everyone in."""
        require_agreement(settings)
        modes = set(settings.auth or ())
        # Nothing said is not none: then nobody is let in.
        return cls(
            web_tokens=WebTokens(issuer_from(settings)) if "jwt" in modes else None,
            access_tokens=AccessTokens(redis) if "tokens" in modes else None,
            is_open=modes == {"none"},
        )

    def remembered(self, authorization: bytes | None, *, to_write: bool = False) -> Principal | None:
        """The principal, where no more than a look-up is needed to know them: to read, unless `to_write`."""
        if self._is_open:
            return ANONYMOUS
        known = self._remembered.get(_digest(authorization or b""))
        if known is None or monotonic() >= (known.may_write_until if to_write else known.may_read_until):
            return None
        return known.principal

    async def authenticate(self, authorization: bytes | None, *, to_write: bool = False) -> Principal:
        """Raises `Unauthenticated`, `InvalidToken` (both with their challenge), `StoreUnavailable`."""
        principal = self.remembered(authorization, to_write=to_write)
        if principal is not None:
            return principal
        # A token may be revoked as soon as it was looked up, however late the answer comes.
        digest, asked_at = _digest(authorization or b""), monotonic()
        try:
            verified = await self._verify(_bearer_token(authorization or b""))
        except InvalidToken:
            self._remembered.pop(digest, None)
            # Nobody knows whose it was.
            await self._refusals.pause("")
            raise
        self._remember(digest, verified, asked_at)
        return verified.principal

    async def _verify(self, token: str) -> Verified:
        tokens = self._access_tokens if token.startswith(PREFIX) else self._web_tokens
        if tokens is None:
            raise invalid_token("Tokens of this kind are not accepted here.")
        return await tokens.verify(token)

    def _remember(self, digest: bytes, verified: Verified, asked_at: float) -> None:
        self._remembered.pop(digest, None)
        if len(self._remembered) >= MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        until = asked_at + min(verified.lasts_s, REVOCABLE_S if verified.is_revocable else REMEMBERED_S)
        self._remembered[digest] = _Known(verified.principal, until, 0.0 if verified.is_revocable else until)


def check_exposure(settings: Settings) -> Settings:
    """The settings of a server that listens where they say: `auth` is none where nothing was said of it.

    Raises `SettingsError` where nothing was said and others than this machine could call.
    """
    if settings.auth is not None:
        return settings
    require_agreement(settings)
    if not is_loopback(settings.host):
        raise SettingsError(f"The service would listen on {settings.host} and let everyone in. {CHOICE}")
    for name, value in (("TRUSTED_PROXIES", settings.trusted_proxies), ("PATH_PREFIX", settings.path_prefix)):
        if value:
            raise SettingsError(f"POLLABLE_{name} says that a proxy stands in front, which lets everyone in. {CHOICE}")
    return msgspec.structs.replace(settings, auth="none")


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
