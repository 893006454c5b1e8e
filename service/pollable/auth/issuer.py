"""The issuer whose JSON Web Tokens are believed: which algorithms, whose keys, which claims."""

import re
from urllib.parse import urlsplit

import msgspec

from pollable.auth.principal import DEFAULT_SCOPES
from pollable.errors import SettingsError
from pollable.settings import Settings
from pollable.settings.fronts import is_loopback
from pollable.settings.names import nearest

SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The algorithms of a shared secret, and the shortest secret of each (RFC 7518, section 3.2)."""

PUBLIC_KEY_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)

_COGNITO_POOL = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9])_[A-Za-z0-9]{1,46}")


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of `secret` and `jwks_url` is set. `clients` are the app clients of a Cognito pool, else empty.

    `default_scopes` are those of a token that names none of ours.
    """

    algorithms: tuple[str, ...]
    secret: str | None = None
    jwks_url: str | None = None
    name: str | None = None
    audience: str | None = None
    clients: frozenset[str] = frozenset()
    default_scopes: frozenset[str] = frozenset()


def issuer_from(settings: Settings) -> Issuer:
    """Raises `SettingsError` for none or several sources of keys, and for what would let in the wrong people."""
    sources = [source for source in (settings.jwt_secret, settings.jwks_url, settings.cognito_pool) if source]
    if len(sources) != 1:
        raise SettingsError(
            "POLLABLE_AUTH names jwt, so exactly one of POLLABLE_JWT_SECRET, POLLABLE_JWKS_URL and "
            f"POLLABLE_COGNITO_POOL must be set; {len(sources)} are."
        )
    kind = _cognito if settings.cognito_pool else _shared_secret if settings.jwt_secret else _public_keys
    issuer = kind(settings, sources[0])
    is_scope_needed = settings.scopes not in (None, "optional")
    return msgspec.structs.replace(issuer, default_scopes=frozenset() if is_scope_needed else DEFAULT_SCOPES)


def issuer_name(settings: Settings) -> str:
    """The `iss` that tokens must carry, or an empty text: with it `tokens.create` names the same people as they do."""
    return _cognito_name(settings.cognito_pool) if settings.cognito_pool else settings.jwt_issuer or ""


def _shared_secret(settings: Settings, secret: str) -> Issuer:
    algorithms = _algorithms(settings, tuple(SECRET_BYTES), default=("HS256",))
    if "-----BEGIN" in secret:
        raise SettingsError("POLLABLE_JWT_SECRET is a PEM key; public keys are read from POLLABLE_JWKS_URL.")
    longest = max(algorithms, key=SECRET_BYTES.__getitem__)
    if len(secret.encode()) < SECRET_BYTES[longest]:
        raise SettingsError(
            f"POLLABLE_JWT_SECRET has {len(secret.encode())} bytes; {longest} needs at least {SECRET_BYTES[longest]} "
            "(RFC 7518, section 3.2)."
        )
    return Issuer(algorithms=algorithms, secret=secret, name=settings.jwt_issuer, audience=settings.jwt_audience)


def _public_keys(settings: Settings, url: str) -> Issuer:
    algorithms = _algorithms(settings, PUBLIC_KEY_ALGORITHMS, default=("RS256", "ES256", "EdDSA"))
    if not _is_trustworthy(url):
        raise SettingsError(
            "POLLABLE_JWKS_URL must start with https:// (http:// on a loopback address), without a user or password, "
            "and have no blank and no character that is not ASCII."
        )
    return Issuer(algorithms=algorithms, jwks_url=url, name=settings.jwt_issuer, audience=settings.jwt_audience)


def _cognito(settings: Settings, pool: str) -> Issuer:
    algorithms = _algorithms(settings, ("RS256",), default=("RS256",))
    if settings.jwt_issuer or settings.jwt_audience:
        raise SettingsError(
            "POLLABLE_COGNITO_POOL gives the issuer and POLLABLE_COGNITO_CLIENTS the audience; "
            "POLLABLE_JWT_ISSUER and POLLABLE_JWT_AUDIENCE must not be set beside them."
        )
    if not settings.cognito_clients:
        raise SettingsError("POLLABLE_COGNITO_CLIENTS must name the pool's app clients that are let in.")
    name = _cognito_name(pool)
    return Issuer(
        algorithms=algorithms,
        jwks_url=f"{name}/.well-known/jwks.json",
        name=name,
        clients=frozenset(settings.cognito_clients),
    )


def _cognito_name(pool: str) -> str:
    match = _COGNITO_POOL.fullmatch(pool)
    if match is None:
        raise SettingsError(f"POLLABLE_COGNITO_POOL={pool!r} is no user pool id, such as eu-west-1_AbCdEfGhI.")
    return f"https://cognito-idp.{match[1]}.amazonaws.com/{pool}"


def _algorithms(settings: Settings, family: tuple[str, ...], *, default: tuple[str, ...]) -> tuple[str, ...]:
    for algorithm in settings.jwt_algorithms:
        if algorithm not in family:
            raise SettingsError(
                f"POLLABLE_JWT_ALGORITHMS names {algorithm!r}; with these keys it can be {', '.join(family)}; the "
                f"nearest is {nearest(algorithm, family)}."
            )
    return settings.jwt_algorithms or default


def _is_trustworthy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    # What is sent as it stands can end no line and begin no header.
    if "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))
