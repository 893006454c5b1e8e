"""Tokens, good and bad. The issuer's keys and an attacker's, made once per run."""

import base64
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as new_rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

SECRET = "a shared secret of more than sixty-four bytes, enough for every HMAC there is"
ISSUER = "https://issuer.example"
AUDIENCE = "pollable"

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey


# A key's name tells it from others of its kind.


@cache
def rsa_key(_name: str = "issuer", *, bits: int = 2048) -> RSAPrivateKey:
    return new_rsa_key(public_exponent=65537, key_size=bits)


@cache
def ec_key(_name: str = "issuer") -> EllipticCurvePrivateKey:
    return new_ec_key(SECP256R1())


@cache
def ed_key(_name: str = "issuer") -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token, with changes; None leaves a claim out."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + 6 * 3600}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def hs_token(
    key: str = SECRET, *, algorithm: str = "HS256", headers: Mapping[str, Any] | None = None, **changes: Any
) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=dict(headers or {}))


def signed(key: PrivateKey, algorithm: str, *, kid: str | None = None, **changes: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def raw_hs_token(header: bytes, payload: bytes, *, key: bytes = SECRET.encode()) -> str:
    """Signed rightly with HS256 over whatever the parts are."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), key)
    return f"{signing_input}.{b64(signature)}"


def json_hs_token(header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    return raw_hs_token(json.dumps(header).encode(), json.dumps(payload).encode())


def unsigned(header: Mapping[str, Any], **changes: Any) -> str:
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims(**changes)).encode())}."


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key: PrivateKey, kid: str | None = None, **members: Any) -> dict[str, Any]:
    """The public half, as a key set holds it."""
    if isinstance(key, RSAPrivateKey):
        data = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, EllipticCurvePrivateKey):
        data = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        data = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**data, **({} if kid is None else {"kid": kid}), **members}


def bearer(token: str) -> bytes:
    return b"Bearer " + token.encode()
