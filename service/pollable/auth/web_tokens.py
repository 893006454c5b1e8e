"""JSON Web Tokens (RFC 7519, RFC 8725): which are believed, and whom they prove."""

import binascii
from time import time
from typing import Any

import jwt
from jwt.exceptions import (
    DecodeError,
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)
from jwt.utils import base64url_decode

from pollable.auth.issuer import Issuer
from pollable.auth.key_set import KeySet
from pollable.auth.principal import SCOPES, Principal, Verified, invalid_token, is_nameable, owner_of

LEEWAY_S = 10
"""How far the issuer's clock may be from ours."""
MAX_LIFETIME_S = 30 * 86_400
"""A token that expires later is refused: nothing here can take it back. Personal access tokens live longer."""
MAX_HEADER = 2_048
"""Characters: it is read before anything of the token is believed."""

_TYPES = {"jwt", "at+jwt"}
_SCOPE_CLAIMS = ("scope", "scp", "scopes")
_RESOURCE_SERVER = "pollable/"

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ExpiredSignatureError, "The token has expired."),
    (ImmatureSignatureError, "The token is not valid yet."),
    (MissingRequiredClaimError, "The token lacks a claim that is required here."),
    (InvalidAudienceError, "The token is for another audience."),
    (InvalidIssuerError, "The token is from another issuer."),
    (InvalidAlgorithmError, "The token is signed with an algorithm that is not accepted here."),
    (InvalidSignatureError, "The signature of the token is not right."),
    (Exception, "The token is malformed."),
)


class WebTokens:
    """The tokens of one issuer. Algorithms, keys and claims are the configuration's; the header only picks a key."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._keys = KeySet(issuer.jwks_url, algorithms=issuer.algorithms) if issuer.jwks_url else None
        self._options: jwt.types.Options = {
            "require": ["exp", "sub"],
            # A Cognito token names its client in `aud` or in `client_id` (`_check_cognito`).
            "verify_aud": not issuer.clients,
        }

    async def verify(self, token: str) -> Verified:
        """Raises `InvalidToken`, and `KeysUnavailable` while the issuer's keys cannot be fetched."""
        try:
            kid, algorithm = self._read_header(token)
            key = await self._key(kid, algorithm)
            _require_signature(token, key, algorithm)
            claims = self._decode(token, key)
        except (PyJWTError, binascii.Error) as error:
            raise invalid_token(next(reason for kind, reason in _REASONS if isinstance(error, kind))) from None
        return self._verified(claims)

    def _read_header(self, token: str) -> tuple[str | None, str]:
        encoded, *others = token.split(".")
        if len(others) != 2 or len(encoded) > MAX_HEADER:
            raise DecodeError
        header = jwt.get_unverified_header(f"{encoded}..")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
            raise invalid_token("The token is of a kind that is not accepted here.")
        if header.get("alg") not in self._issuer.algorithms:
            raise InvalidAlgorithmError
        return header.get("kid"), header["alg"]

    async def _key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | str:
        if self._keys is None:
            return self._issuer.secret or ""
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise invalid_token("The token is signed with a key that its issuer does not have.")
        return key

    def _decode(self, token: str, key: jwt.PyJWK | str) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=self._issuer.algorithms,
            options=self._options,
            issuer=self._issuer.name,
            audience=self._issuer.audience,
            leeway=LEEWAY_S,
        )

    def _verified(self, claims: dict[str, Any]) -> Verified:
        now = time()
        _check_times(claims, now)
        issuer, subject = claims.get("iss", ""), claims["sub"]
        if not is_nameable(subject) or (issuer != "" and not (isinstance(issuer, str) and is_nameable(issuer))):
            raise invalid_token("The subject or the issuer of the token is not printable text of 1 to 255 characters.")
        if self._issuer.clients:
            _check_cognito(claims, self._issuer.clients)
        return Verified(Principal(owner_of(issuer, subject), self._scopes(claims)), claims["exp"] - now)

    def _scopes(self, claims: dict[str, Any]) -> frozenset[str]:
        # Identity providers have scopes of their own in every token: those alone say nothing of what may be done here.
        named = next(filter(None, (_ours(claims[claim]) for claim in _SCOPE_CLAIMS if claim in claims)), frozenset())
        if self._issuer.clients:
            named |= _ours(claims.get("cognito:groups", []))
        return named or self._issuer.default_scopes


def _require_signature(token: str, key: jwt.PyJWK | str, algorithm: str) -> None:
    # PyJWT does it too, after it has looked at each character in Python: of 8 kB longer than the signature takes.
    signed, _, signature = token.encode().rpartition(b".")
    how = jwt.get_algorithm_by_name(algorithm)
    if not how.verify(signed, key.encode() if isinstance(key, str) else key.key, base64url_decode(signature)):
        raise InvalidSignatureError


def _check_times(claims: dict[str, Any], now: float) -> None:
    # PyJWT reads them with int(), which takes texts and booleans too.
    for name in ("exp", "nbf", "iat"):
        if name in claims and type(claims[name]) not in (int, float):
            raise invalid_token("A time in the token is not a number.")
    if claims["exp"] > now + MAX_LIFETIME_S:
        raise invalid_token("The token is valid for longer than is accepted here.")


def _ours(value: object) -> frozenset[str]:
    """The scopes of ours among those that a claim names; as of a resource server, where one is called `pollable`."""
    names = value.split() if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid_token("The scopes of the token are neither a text nor a list of texts.")
    return frozenset(name.removeprefix(_RESOURCE_SERVER) for name in names) & SCOPES


def _check_cognito(claims: dict[str, Any], clients: frozenset[str]) -> None:
    claim = {"id": "aud", "access": "client_id"}.get(str(claims.get("token_use")))
    if claim is None:
        raise invalid_token("The token is neither an ID token nor an access token.")
    client = claims.get(claim)
    if not isinstance(client, str) or client not in clients:
        raise invalid_token("The token is for another client.")
