"""Tokens that a service with its issuer's public keys must refuse, each by name."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from redis.asyncio import Redis

from pollable.auth.authenticator import Authenticator
from pollable.errors import InvalidToken
from pollable.settings import Settings
from tests.auth.keyserver import KeyServer
from tests.auth.minting import (
    ISSUER,
    PrivateKey,
    b64,
    bearer,
    claims,
    ec_key,
    ed_key,
    json_hs_token,
    jwk,
    raw_hs_token,
    rsa_key,
    signed,
)

ALGORITHM = "The token is signed with an algorithm that is not accepted here."
MALFORMED = "The token is malformed."
SIGNATURE = "The signature of the token is not right."
UNKNOWN_KEY = "The token is signed with a key that its issuer does not have."
SYMMETRIC = "a symmetric key that should never have been published"

Forge = Callable[[str], str]
"""From the address of the attacker's own key server to a token."""


def published() -> list[dict[str, Any]]:
    """Four good keys, and some that must never verify anything."""
    private = {**RSAAlgorithm.to_jwk(rsa_key("private"), as_dict=True), "key_ops": ["verify"], "kid": "private"}
    return [
        jwk(rsa_key(), "rsa"),
        jwk(rsa_key("second"), "second"),
        jwk(ec_key(), "ec"),
        jwk(ed_key(), "ed"),
        jwk(rsa_key("weak", bits=1024), "weak"),
        jwk(rsa_key("encryption"), "encryption", use="enc"),
        jwk(rsa_key("labelled"), "labelled", alg="RS512"),
        {"kty": "oct", "kid": "oct", "k": b64(SYMMETRIC.encode())},
        private,
    ]


def with_headers(key: PrivateKey, **headers: Any) -> str:
    return jwt.encode(claims(), key, algorithm="RS256", headers=headers)


def hmac_keyed_with(key: bytes, **header: Any) -> str:
    return raw_hs_token(json.dumps({"alg": "HS256", **header}).encode(), json.dumps(claims()).encode(), key=key)


def signature_of(kid: str, algorithm: str, signature: bytes) -> str:
    header = {"alg": algorithm, "kid": kid, "typ": "JWT"}
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims()).encode())}.{b64(signature)}"


def ecdsa_in_der() -> str:
    signing_input = signature_of("ec", "ES256", b"").removesuffix(".")
    signature = ec_key().sign(signing_input.encode(), ECDSA(SHA256()))
    return f"{signing_input}.{b64(signature)}"


RSA_PEM = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RSA_DER = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

ATTACKS: dict[str, tuple[Forge, str]] = {
    "public key in PEM as an HMAC secret": (lambda _: hmac_keyed_with(RSA_PEM, kid="rsa"), ALGORITHM),
    "public key in DER as an HMAC secret": (lambda _: hmac_keyed_with(RSA_DER, kid="rsa"), ALGORITHM),
    "public key as JWK as an HMAC secret": (
        lambda _: hmac_keyed_with(json.dumps(jwk(rsa_key(), "rsa")).encode(), kid="rsa"),
        ALGORITHM,
    ),
    "symmetric key of the set": (lambda _: hmac_keyed_with(SYMMETRIC.encode(), kid="oct"), ALGORITHM),
    "algorithm none": (lambda _: json_hs_token({"alg": "none", "kid": "rsa"}, claims()), ALGORITHM),
    "PS256 by the right key": (lambda _: signed(rsa_key(), "PS256", kid="rsa"), ALGORITHM),
    "RS512 by the right key": (lambda _: signed(rsa_key(), "RS512", kid="rsa"), ALGORITHM),
    "key address of the attacker (jku)": (
        lambda url: with_headers(rsa_key("attacker"), kid="rsa", jku=url),
        SIGNATURE,
    ),
    "key address of the attacker (jku), new kid": (
        lambda url: with_headers(rsa_key("attacker"), kid="attacker", jku=url),
        UNKNOWN_KEY,
    ),
    "certificate address of the attacker (x5u)": (
        lambda url: with_headers(rsa_key("attacker"), kid="rsa", x5u=url),
        SIGNATURE,
    ),
    "key of the attacker enclosed (jwk)": (
        lambda _: with_headers(rsa_key("attacker"), jwk=jwk(rsa_key("attacker"))),
        UNKNOWN_KEY,
    ),
    "key of the attacker enclosed (jwk), known kid": (
        lambda _: with_headers(rsa_key("attacker"), kid="rsa", jwk=jwk(rsa_key("attacker"))),
        SIGNATURE,
    ),
    "certificate of the attacker enclosed (x5c)": (
        lambda _: with_headers(rsa_key("attacker"), kid="rsa", x5c=[b64(RSA_DER)]),
        SIGNATURE,
    ),
    "key of the attacker under a known kid": (lambda _: signed(rsa_key("attacker"), "RS256", kid="rsa"), SIGNATURE),
    "elliptic key of the attacker": (lambda _: signed(ec_key("attacker"), "ES256", kid="ec"), SIGNATURE),
    "Edwards key of the attacker": (lambda _: signed(ed_key("attacker"), "EdDSA", kid="ed"), SIGNATURE),
    "kid unknown": (lambda _: signed(rsa_key("attacker"), "RS256", kid="attacker"), UNKNOWN_KEY),
    "kid missing, several keys": (lambda _: signed(rsa_key("attacker"), "RS256"), UNKNOWN_KEY),
    "kid a path": (lambda _: signed(rsa_key("attacker"), "RS256", kid="../../dev/null"), UNKNOWN_KEY),
    "kid of 5000 characters": (lambda _: signed(rsa_key("attacker"), "RS256", kid="k" * 5000), MALFORMED),
    "kid of a key of another kind": (lambda _: signed(rsa_key(), "RS256", kid="ec"), UNKNOWN_KEY),
    "weak key of the set": (lambda _: signature_of("weak", "RS256", b"\1" * 128), UNKNOWN_KEY),
    "key of the set that is for encryption": (
        lambda _: signed(rsa_key("encryption"), "RS256", kid="encryption"),
        UNKNOWN_KEY,
    ),
    "key of the set that is for another algorithm": (
        lambda _: signed(rsa_key("labelled"), "RS256", kid="labelled"),
        UNKNOWN_KEY,
    ),
    "key of the set that leaked its private half": (
        lambda _: signed(rsa_key("private"), "RS256", kid="private"),
        UNKNOWN_KEY,
    ),
    "ES256 with zeros for a signature": (lambda _: signature_of("ec", "ES256", bytes(64)), SIGNATURE),
    "ES256 with a signature in DER": (lambda _: ecdsa_in_der(), SIGNATURE),
    "ES256 without a signature": (lambda _: signature_of("ec", "ES256", b""), SIGNATURE),
    "EdDSA with zeros for a signature": (lambda _: signature_of("ed", "EdDSA", bytes(64)), SIGNATURE),
    "RS256 with zeros for a signature": (lambda _: signature_of("rsa", "RS256", bytes(256)), SIGNATURE),
    "RS256 with a signature of 5000 bytes": (lambda _: signature_of("rsa", "RS256", b"\1" * 5000), SIGNATURE),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_tampered_token_is_refused_and_no_address_in_it_is_followed(
    name: str, key_server: KeyServer, other_server: KeyServer
) -> None:
    key_server.publish(*published())
    other_server.publish(jwk(rsa_key("attacker"), "attacker"))
    settings = Settings(auth=("jwt",), jwks_url=key_server.url, jwt_issuer=ISSUER, jwt_audience="pollable")
    forge, reason = ATTACKS[name]
    with pytest.raises(InvalidToken) as caught:
        asyncio.run(Authenticator.from_settings(settings, Redis()).authenticate(bearer(forge(other_server.url))))
    error = caught.value
    assert (error.status, error.code, error.detail) == (401, "invalid_token", reason)
    assert error.headers == {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{reason}"'}
    assert other_server.hits == 0


def test_an_algorithm_that_is_not_accepted_does_not_even_cause_a_fetch(key_server: KeyServer) -> None:
    settings = Settings(auth=("jwt",), jwks_url=key_server.url)
    with pytest.raises(InvalidToken):
        asyncio.run(Authenticator.from_settings(settings, Redis()).authenticate(bearer(hmac_keyed_with(RSA_PEM))))
    assert key_server.hits == 0
