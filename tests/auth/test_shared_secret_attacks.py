"""Tokens that a service with a shared secret must refuse, each by name."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.asyncio import Redis

from pollable.auth.authenticator import Authenticator
from pollable.auth.issuer import Issuer
from pollable.auth.web_tokens import WebTokens
from pollable.errors import InvalidToken
from pollable.settings import Settings
from tests.auth.minting import (
    AUDIENCE,
    ISSUER,
    SECRET,
    b64,
    bearer,
    claims,
    hs_token,
    json_hs_token,
    raw_hs_token,
    rsa_key,
    signed,
    unsigned,
)

HEADER = {"alg": "HS256", "typ": "JWT"}

EXPIRED = "The token has expired."
NOT_YET = "The token is not valid yet."
MISSING = "The token lacks a claim that is required here."
AUDIENCES = "The token is for another audience."
ISSUERS = "The token is from another issuer."
ALGORITHM = "The token is signed with an algorithm that is not accepted here."
SIGNATURE = "The signature of the token is not right."
MALFORMED = "The token is malformed."
KIND = "The token is of a kind that is not accepted here."
NAMES = "The subject or the issuer of the token is not printable text of 1 to 255 characters."
TIMES = "A time in the token is not a number."
LONG_LIVED = "The token is valid for longer than is accepted here."
SCOPES = "The scopes of the token are neither a text nor a list of texts."
ONE_TOKEN = "The header must hold exactly one bearer token."
TOO_LONG = "The token is longer than 8192 bytes."
OTHER_KIND = "Tokens of this kind are not accepted here."


def authenticator() -> Authenticator:
    settings = Settings(auth=("jwt",), jwt_secret=SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE)
    return Authenticator.from_settings(settings, Redis())


def refused(authorization: bytes) -> InvalidToken:
    guard = authenticator()
    with pytest.raises(InvalidToken) as caught:
        asyncio.run(guard.authenticate(authorization))
    assert guard.remembered(authorization) is None
    return caught.value


def parts(**changes: Any) -> list[str]:
    return hs_token(**changes).split(".")


def with_header(**members: Any) -> str:
    return json_hs_token({**HEADER, **members}, claims())


def with_payload(payload: bytes) -> str:
    return raw_hs_token(json.dumps(HEADER).encode(), payload)


def with_raw_exp(literal: str) -> str:
    payload = json.dumps(claims(exp="EXP")).replace('"EXP"', literal)
    return with_payload(payload.encode())


def payload_swapped() -> str:
    header, _, signature = parts()
    return ".".join([header, parts(sub="eve")[1], signature])


def algorithm_relabelled() -> str:
    _, payload, signature = parts()
    return ".".join([b64(json.dumps({**HEADER, "alg": "HS384"}).encode()), payload, signature])


def signature_bit_flipped() -> str:
    header, payload, signature = parts()
    return ".".join([header, payload, ("B" if signature[0] == "A" else "A") + signature[1:]])


def signed_with_an_empty_secret(**header: Any) -> str:
    return raw_hs_token(json.dumps({**HEADER, **header}).encode(), json.dumps(claims()).encode(), key=b"")


def seconds_from_now(seconds: float) -> int:
    return int(time.time() + seconds)


ATTACKS: dict[str, tuple[Callable[[], str], str]] = {
    "algorithm none, no signature": (lambda: unsigned({"alg": "none", "typ": "JWT"}), ALGORITHM),
    "algorithm None": (lambda: unsigned({"alg": "None"}), ALGORITHM),
    "algorithm nOnE": (lambda: unsigned({"alg": "nOnE"}), ALGORITHM),
    "algorithm none, with a right HMAC": (lambda: with_header(alg="none"), ALGORITHM),
    "algorithm empty": (lambda: with_header(alg=""), ALGORITHM),
    "algorithm missing": (lambda: json_hs_token({"typ": "JWT"}, claims()), ALGORITHM),
    "algorithm null": (lambda: with_header(alg=None), ALGORITHM),
    "algorithm a list": (lambda: with_header(alg=["HS256"]), ALGORITHM),
    "algorithm an object": (lambda: with_header(alg={"HS256": 1}), ALGORITHM),
    "algorithm in lower case": (lambda: with_header(alg="hs256"), ALGORITHM),
    "HS512 with the right secret": (lambda: hs_token(algorithm="HS512"), ALGORITHM),
    "HS256 relabelled as HS384": (algorithm_relabelled, ALGORITHM),
    "RS256 by a key of the attacker": (lambda: signed(rsa_key("attacker"), "RS256"), ALGORITHM),
    "signature missing": (lambda: ".".join([*parts()[:2], ""]), SIGNATURE),
    "signature cut short": (lambda: hs_token()[:-3], SIGNATURE),
    "signature with a bit flipped": (signature_bit_flipped, SIGNATURE),
    "payload of another token": (payload_swapped, SIGNATURE),
    "another secret": (lambda: hs_token("another secret of thirty-two bytes"), SIGNATURE),
    "empty secret": (signed_with_an_empty_secret, SIGNATURE),
    "kid that is a path": (lambda: signed_with_an_empty_secret(kid="../../../../dev/null"), SIGNATURE),
    "kid a number": (lambda: with_header(kid=7), MALFORMED),
    "critical extension unknown": (lambda: with_header(crit=["exp-policy"], **{"exp-policy": 1}), MALFORMED),
    "critical extension list empty": (lambda: with_header(crit=[]), MALFORMED),
    "critical extension not a list": (lambda: with_header(crit="b64"), MALFORMED),
    "payload not encoded (b64 false)": (lambda: with_header(crit=["b64"], b64=False), MALFORMED),
    "logout token": (lambda: with_header(typ="logout+jwt"), KIND),
    "proof of possession token": (lambda: with_header(typ="dpop+jwt"), KIND),
    "type a number": (lambda: with_header(typ=1), KIND),
    "exp missing": (lambda: hs_token(exp=None), MISSING),
    "exp null": (lambda: with_raw_exp("null"), MISSING),
    "exp in the past": (lambda: hs_token(exp=seconds_from_now(-60)), EXPIRED),
    "exp zero": (lambda: hs_token(exp=0), EXPIRED),
    "exp negative": (lambda: hs_token(exp=-1e18), EXPIRED),
    "exp true": (lambda: with_raw_exp("true"), EXPIRED),
    "exp a text": (lambda: hs_token(exp=str(seconds_from_now(600))), TIMES),
    "exp a list": (lambda: hs_token(exp=[seconds_from_now(600)]), MALFORMED),
    "exp 1e308": (lambda: hs_token(exp=1e308), LONG_LIVED),
    "exp 1e999": (lambda: with_raw_exp("1e999"), MALFORMED),
    "exp NaN": (lambda: with_raw_exp("NaN"), MALFORMED),
    "exp Infinity": (lambda: with_raw_exp("Infinity"), MALFORMED),
    "exp of 400 digits": (lambda: with_raw_exp("9" * 400), LONG_LIVED),
    "exp of 5000 digits": (lambda: with_raw_exp("9" * 5000), MALFORMED),
    "exp in a year": (lambda: hs_token(exp=seconds_from_now(365 * 86_400)), LONG_LIVED),
    "nbf in the future": (lambda: hs_token(nbf=seconds_from_now(60)), NOT_YET),
    "nbf a text": (lambda: hs_token(nbf="0"), TIMES),
    "iat in the future": (lambda: hs_token(iat=seconds_from_now(60)), NOT_YET),
    "iat an object": (lambda: hs_token(iat={}), MALFORMED),
    "sub missing": (lambda: hs_token(sub=None), MISSING),
    "sub empty": (lambda: hs_token(sub=""), NAMES),
    "sub a number": (lambda: with_payload(json.dumps(claims(sub=1)).encode()), MALFORMED),
    "sub a list": (lambda: with_payload(json.dumps(claims(sub=["ann"])).encode()), MALFORMED),
    "sub with a line break": (lambda: hs_token(sub="ann\nadmin"), NAMES),
    "sub with a NUL": (lambda: hs_token(sub="ann\0eve"), NAMES),
    "sub with a lone surrogate": (lambda: hs_token(sub="\ud800"), NAMES),
    "sub of 256 characters": (lambda: hs_token(sub="a" * 256), NAMES),
    "iss missing": (lambda: hs_token(iss=None), MISSING),
    "iss of somebody else": (lambda: hs_token(iss="https://evil.example"), ISSUERS),
    "iss with something behind it": (lambda: hs_token(iss=f"{ISSUER}.evil.example"), ISSUERS),
    "iss a list": (lambda: with_payload(json.dumps(claims(iss=[ISSUER])).encode()), ISSUERS),
    "aud missing": (lambda: hs_token(aud=None), MISSING),
    "aud of another service": (lambda: hs_token(aud="billing"), AUDIENCES),
    "aud of other services": (lambda: hs_token(aud=["billing", "mail"]), AUDIENCES),
    "aud that only contains ours": (lambda: hs_token(aud=f"{AUDIENCE}-staging"), AUDIENCES),
    "aud an object": (lambda: hs_token(aud={AUDIENCE: True}), AUDIENCES),
    "scope a number": (lambda: hs_token(scope=7), SCOPES),
    "scope a list of numbers": (lambda: hs_token(scope=[7]), SCOPES),
    "scope null": (lambda: with_payload(json.dumps({**claims(), "scope": None}).encode()), SCOPES),
    "payload not JSON": (lambda: with_payload(b"ann"), MALFORMED),
    "payload a list": (lambda: with_payload(b"[1]"), MALFORMED),
    "payload not UTF-8": (lambda: with_payload(b'{"sub": "\xff"}'), MALFORMED),
    "payload nested too deep": (lambda: with_payload(b"[" * 5_000), MALFORMED),
    "header not JSON": (lambda: raw_hs_token(b"{", json.dumps(claims()).encode()), MALFORMED),
    "header a list": (lambda: raw_hs_token(b"[]", json.dumps(claims()).encode()), MALFORMED),
    "header nested too deep": (lambda: raw_hs_token(b"[" * 5_000, b"{}"), MALFORMED),
    "one part": (lambda: "token", MALFORMED),
    "two parts": (lambda: ".".join(parts()[:2]), MALFORMED),
    "four parts": (lambda: f"{hs_token()}.{b64(b'more')}", MALFORMED),
    "five parts, as an encrypted token": (
        lambda: ".".join([b64(b'{"alg":"dir","enc":"A256GCM"}'), "", "a", "b", "c"]),
        MALFORMED,
    ),
    "parts all empty": (lambda: "..", MALFORMED),
    "padding": (lambda: f"{hs_token()}==", MALFORMED),
    "too long": (lambda: hs_token(sub="a" * 9_000), TOO_LONG),
    "a line break inside": (lambda: hs_token().replace(".", ".\n", 1), ONE_TOKEN),
    "not ASCII": (lambda: f"{hs_token()}é", ONE_TOKEN),
    "a NUL": (lambda: f"{hs_token()}\0", ONE_TOKEN),
    "two tokens": (lambda: f"{hs_token()} {hs_token()}", ONE_TOKEN),
    "two headers joined": (lambda: f"{hs_token()}, Bearer {hs_token()}", ONE_TOKEN),
    "quoted": (lambda: f'"{hs_token()}"', ONE_TOKEN),
    "personal access token where there are none": (lambda: "pbl_" + "a" * 32, OTHER_KIND),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_tampered_token_is_refused_with_its_reason(name: str) -> None:
    forge, reason = ATTACKS[name]
    error = refused(bearer(forge()))
    assert (error.status, error.code, error.detail) == (401, "invalid_token", reason)
    # RFC 6750, section 3: no quotes or backslashes inside.
    assert error.headers == {"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{reason}"'}
    assert not set('"\\') & set(reason)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_short_secret_that_was_guessed_opens_nothing() -> None:
    assert refused(bearer(jwt.encode(claims(), "secret", algorithm="HS256"))).detail == SIGNATURE


@given(st.integers(0, 300), st.sampled_from("abcXYZ019-_.=~"))
@example(0, ".")
def test_no_token_survives_the_change_of_a_character(position: int, character: str) -> None:
    token = hs_token()
    at = position % len(token)
    if token[at] != character:
        refused(bearer(token[:at] + character + token[at + 1 :]))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "sub", "iss", "aud", "jti", "scope", "scp"]), JSON_VALUES, min_size=1
    )
)
def test_whatever_a_claim_holds_the_answer_is_yes_or_no(changes: dict[str, Any]) -> None:
    token = with_payload(json.dumps({**claims(), **changes}).encode())
    with suppress(InvalidToken):
        asyncio.run(authenticator().authenticate(bearer(token)))


def fastest_s(call: Callable[[], object], *, times: int = 200) -> float:
    took_s = []
    for _ in range(times):
        began_at = time.perf_counter()
        with suppress(InvalidToken, jwt.PyJWTError):
            call()
        took_s.append(time.perf_counter() - began_at)
    return min(took_s)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: hs_token("another secret of thirty-two bytes", more="a" * 5_700), id="a wrong signature"),
        pytest.param(lambda: ".".join([*parts(more="a" * 5_700)[:2], ""]), id="no signature"),
        pytest.param(lambda: f"{'a' * 8_000}.e30.e30", id="a large header"),
    ],
)
def test_a_large_token_is_refused_for_a_fraction_of_what_reading_it_costs(token: Callable[[], str]) -> None:
    tokens = WebTokens(Issuer(algorithms=("HS256",), secret=SECRET, name=ISSUER, audience=AUDIENCE))
    large, good = token(), hs_token(more="a" * 5_700)
    assert len(large) > 7_500
    loop = asyncio.new_event_loop()
    refusing_s = fastest_s(lambda: loop.run_until_complete(tokens.verify(large)))
    reading_s = fastest_s(lambda: jwt.decode(good, SECRET, algorithms=["HS256"], audience=AUDIENCE))
    loop.close()
    assert refusing_s < reading_s / 2
