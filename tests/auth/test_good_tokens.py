import asyncio
import time
from typing import Any

import pytest
from redis.asyncio import Redis

from pollable.auth.authenticator import ANONYMOUS, Authenticator, Principal, owner_of, require
from pollable.errors import InsufficientScope, InvalidToken, Unauthenticated
from pollable.settings import Settings
from tests.auth.keyserver import KeyServer
from tests.auth.minting import (
    AUDIENCE,
    ISSUER,
    SECRET,
    PrivateKey,
    bearer,
    ec_key,
    ed_key,
    hs_token,
    jwk,
    rsa_key,
    signed,
)

ANN = owner_of(ISSUER, "ann")
BOTH = frozenset({"jobs:read", "jobs:write"})


def principal(authorization: bytes | None, **settings: Any) -> Principal:
    given = {"auth": ("jwt",), "jwt_secret": SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE, **settings}
    return asyncio.run(Authenticator.from_settings(Settings(**given), Redis()).authenticate(authorization))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_the_shared_secret_is_believed(algorithm: str) -> None:
    token = hs_token(algorithm=algorithm)
    assert principal(bearer(token), jwt_algorithms=(algorithm,)) == Principal(ANN, BOTH)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        *[(rsa_key(), name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")],
        (ec_key(), "ES256"),
        (ed_key(), "EdDSA"),
    ],
    ids=["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"],
)
def test_a_token_signed_with_a_published_key_is_believed(
    key: PrivateKey, algorithm: str, key_server: KeyServer
) -> None:
    key_server.publish(jwk(rsa_key(), "rsa"), jwk(ec_key(), "ec"), jwk(ed_key(), "ed"))
    kid = {"R": "rsa", "P": "rsa", "E": "ec"}[algorithm[0]] if algorithm != "EdDSA" else "ed"
    token = signed(key, algorithm, kid=kid)
    keys = {"jwt_secret": None, "jwks_url": key_server.url, "jwt_algorithms": (algorithm,)}
    assert principal(bearer(token), **keys) == Principal(ANN, BOTH)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(rsa_key(), "RS256"), (ec_key(), "ES256"), (ed_key(), "EdDSA")],
    ids=["RS256", "ES256", "EdDSA"],
)
def test_published_keys_are_tried_with_three_algorithms_unless_others_are_set(
    key: PrivateKey, algorithm: str, key_server: KeyServer
) -> None:
    key_server.publish(jwk(key, "key"))
    token = signed(key, algorithm, kid="key")
    assert principal(bearer(token), jwt_secret=None, jwks_url=key_server.url).owner == ANN


def test_a_token_without_kid_is_believed_where_its_issuer_has_one_key(key_server: KeyServer) -> None:
    key_server.publish(jwk(rsa_key(), "only"))
    token = signed(rsa_key(), "RS256")
    assert principal(bearer(token), jwt_secret=None, jwks_url=key_server.url).owner == ANN


@pytest.mark.parametrize(
    "scheme", [b"Bearer ", b"bearer ", b"BEARER ", b"Bearer   "], ids=["usual", "lower", "upper", "spaces"]
)
def test_the_scheme_is_read_in_any_case(scheme: bytes) -> None:
    assert principal(scheme + hs_token().encode()).owner == ANN


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_access_tokens_may_call_themselves_so(kind: str) -> None:
    assert principal(bearer(hs_token(headers={"typ": kind}))).owner == ANN


@pytest.mark.parametrize(
    ("claim", "offset_s"),
    [("exp", 600.5), ("exp", -5), ("nbf", 5), ("iat", -3600)],
    ids=["exp a fraction", "exp within the leeway", "nbf within the leeway", "iat"],
)
def test_a_token_is_believed_at_its_time(claim: str, offset_s: float) -> None:
    changes: dict[str, Any] = {claim: time.time() + offset_s}
    assert principal(bearer(hs_token(**changes))).owner == ANN


@pytest.mark.parametrize("subject", ["Zoë Ångström", "a" * 255], ids=["not ASCII", "long"])
def test_a_token_is_believed_for(subject: str) -> None:
    assert principal(bearer(hs_token(sub=subject))).owner == owner_of(ISSUER, subject)


def test_a_token_may_be_for_several_audiences() -> None:
    assert principal(bearer(hs_token(aud=["mail", AUDIENCE]))).owner == ANN


def test_issuer_and_audience_are_checked_only_where_they_are_set() -> None:
    token = hs_token(iss="https://any.example", aud=None)
    assert principal(bearer(token), jwt_issuer=None, jwt_audience=None).owner == owner_of("https://any.example", "ann")
    token = hs_token(iss=None, aud=None)
    assert principal(bearer(token), jwt_issuer=None, jwt_audience=None).owner == owner_of("", "ann")


def test_a_token_for_some_audience_is_refused_where_none_is_set() -> None:
    """RFC 7519, section 4.1.3: who does not find himself in `aud` must reject the token."""
    with pytest.raises(InvalidToken, match="another audience"):
        principal(bearer(hs_token(aud="mail")), jwt_audience=None)


NAMED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "one": ({"scope": "jobs:read"}, {"jobs:read"}),
    "among others": ({"scope": "openid jobs:read  jobs:admin email"}, {"jobs:read", "jobs:admin"}),
    "administration alone": ({"scope": "jobs:admin"}, {"jobs:admin"}),
    "scp list": ({"scp": ["jobs:write"]}, {"jobs:write"}),
    "scp text": ({"scp": "jobs:read"}, {"jobs:read"}),
    "scopes": ({"scopes": ["jobs:read", "jobs:write", "jobs:everything"]}, {"jobs:read", "jobs:write"}),
    "scope before scp": ({"scope": "jobs:read", "scp": ["jobs:admin"]}, {"jobs:read"}),
    "scp behind another scope": ({"scope": "openid", "scp": ["jobs:read"]}, {"jobs:read"}),
    "of our resource server": ({"scope": "openid pollable/jobs:read"}, {"jobs:read"}),
}
UNNAMED: dict[str, dict[str, Any]] = {
    "no claim": {},
    "others": {"scope": "aws.cognito.signin.user.admin openid"},
    "others in a list": {"scp": ["User.Read", "jobs:everything"]},
    "nothing": {"scope": ""},
    "an empty list": {"scp": []},
    "those of another API": {"scope": "billing/jobs:admin"},
    "ours in capitals": {"scope": "JOBS:ADMIN"},
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("setting", [None, "required"])
def test_a_token_that_names_scopes_of_ours_has_exactly_these(name: str, setting: str | None) -> None:
    claim, scopes = NAMED[name]
    assert principal(bearer(hs_token(**claim)), scopes=setting).scopes == scopes


@pytest.mark.parametrize("name", UNNAMED)
def test_a_token_that_names_none_may_read_and_write_unless_scopes_are_required(name: str) -> None:
    authorization = bearer(hs_token(**UNNAMED[name]))
    assert principal(authorization).scopes == BOTH
    assert principal(authorization, scopes="required").scopes == set()


@pytest.mark.parametrize(
    "authorization",
    [None, b"", b"   ", b"Bearer", b"Bearer ", b"Basic YW5uOnNlY3JldA==", b"token", b"\xff\xfe x"],
    ids=["absent", "empty", "blank", "no token", "no token but a space", "another scheme", "one word", "not ASCII"],
)
def test_without_a_bearer_token_the_challenge_has_no_error_word(authorization: bytes | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        principal(authorization)
    assert (caught.value.status, caught.value.headers) == (401, {"WWW-Authenticate": "Bearer"})


def test_with_authentication_off_everyone_is_one_owner_of_their_own_jobs() -> None:
    guard = Authenticator.from_settings(Settings(auth="none"), Redis())
    assert guard.remembered(None) == ANONYMOUS
    assert guard.remembered(b"Bearer whatever") == ANONYMOUS
    assert asyncio.run(guard.authenticate(None)) == ANONYMOUS
    assert ANONYMOUS.scopes == {"jobs:read", "jobs:write"}
    assert ANONYMOUS.visible_owner == "anonymous"


def test_a_scope_that_is_missing_is_named_in_the_challenge() -> None:
    reader = Principal(ANN, frozenset({"jobs:read"}))
    require(reader, "jobs:read")
    with pytest.raises(InsufficientScope) as caught:
        require(reader, "jobs:write")
    assert caught.value.status == 403
    assert caught.value.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="jobs:write"'


def test_owners_differ_by_issuer_and_by_subject_and_fit_into_a_key() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a", "b\0c"[:1])]
    owners = {owner_of(issuer, subject) for issuer, subject in pairs}
    assert len(owners) == len(pairs)
    assert all(len(owner) == 32 and int(owner, 16) for owner in owners)
