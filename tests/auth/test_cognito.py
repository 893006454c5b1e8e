import asyncio
import time
from typing import Any

import msgspec
import pytest

from pollable.auth.issuer import issuer_from, issuer_name
from pollable.auth.principal import Principal, owner_of
from pollable.auth.web_tokens import WebTokens
from pollable.errors import InvalidToken
from pollable.settings import Settings
from tests.auth.keyserver import KeyServer
from tests.auth.minting import ec_key, jwk, rsa_key, signed

POOL = "eu-west-1_AbCdEfGhI"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
SETTINGS = Settings(auth=("jwt",), cognito_pool=POOL, cognito_clients=("web-app", "cli"))
BOTH = frozenset({"jobs:read", "jobs:write"})
SUBJECT = "2f4c7a0e-0c3b-4b0e-9d3c-0a6a5c2f9e11"

ID_TOKEN = {"iss": ISSUER, "sub": SUBJECT, "token_use": "id", "aud": "web-app", "cognito:username": "ann"}
ACCESS_TOKEN = {
    "iss": ISSUER,
    "sub": SUBJECT,
    "token_use": "access",
    "client_id": "cli",
    "aud": None,
    "scope": "aws.cognito.signin.user.admin openid",
    "username": "ann",
}


def principal(server: KeyServer, claims: dict[str, Any], *, settings: Settings = SETTINGS, **changes: Any) -> Principal:
    server.publish(
        jwk(rsa_key("other"), "other", alg="RS256", use="sig"), jwk(rsa_key(), "key", alg="RS256", use="sig")
    )
    token = signed(rsa_key(), "RS256", kid="key", **{**claims, **changes})
    issuer = msgspec.structs.replace(issuer_from(settings), jwks_url=server.url)
    return asyncio.run(WebTokens(issuer).verify(token)).principal


def test_issuer_and_key_set_follow_from_the_pool() -> None:
    issuer = issuer_from(SETTINGS)
    assert (issuer.name, issuer.jwks_url) == (ISSUER, f"{ISSUER}/.well-known/jwks.json")
    assert issuer.algorithms == ("RS256",)
    assert issuer_name(SETTINGS) == ISSUER


@pytest.mark.parametrize("claims", [ID_TOKEN, ACCESS_TOKEN], ids=["ID token", "access token"])
def test_both_kinds_of_token_prove_the_same_person(key_server: KeyServer, claims: dict[str, Any]) -> None:
    assert principal(key_server, claims) == Principal(owner_of(ISSUER, SUBJECT), BOTH)


@pytest.mark.parametrize(
    ("changes", "scopes"),
    [
        ({"scope": "pollable/jobs:read"}, {"jobs:read"}),
        ({"scope": "openid pollable/jobs:read pollable/jobs:admin"}, {"jobs:read", "jobs:admin"}),
        ({"scope": "billing/jobs:admin"}, BOTH),
        ({"scope": None}, BOTH),
        ({"cognito:groups": ["staff"]}, BOTH),
        ({"cognito:groups": ["staff", "jobs:read", "jobs:admin"]}, {"jobs:read", "jobs:admin"}),
    ],
    ids=["own scope", "own scopes among others", "another API's scope", "no scope", "other groups", "groups"],
)
def test_scopes_come_from_our_resource_server_and_from_groups(
    key_server: KeyServer, changes: dict[str, Any], scopes: set[str]
) -> None:
    assert principal(key_server, ACCESS_TOKEN, **changes).scopes == scopes


@pytest.mark.parametrize("claims", [ID_TOKEN, ACCESS_TOKEN], ids=["ID token", "access token"])
def test_where_scopes_are_required_a_signed_in_user_alone_may_do_nothing(
    key_server: KeyServer, claims: dict[str, Any]
) -> None:
    settings = msgspec.structs.replace(SETTINGS, scopes="required")
    assert principal(key_server, claims, settings=settings).scopes == set()
    named = {**claims, "cognito:groups": ["jobs:write"]}
    assert principal(key_server, named, settings=settings).scopes == {"jobs:write"}


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ID token of another client": (ID_TOKEN, {"aud": "evil-app"}),
    "ID token for several clients": (ID_TOKEN, {"aud": ["web-app", "evil-app"]}),
    "ID token without aud": (ID_TOKEN, {"aud": None}),
    "ID token that names its client as an access token does": (ID_TOKEN, {"aud": None, "client_id": "web-app"}),
    "access token of another client": (ACCESS_TOKEN, {"client_id": "evil-app"}),
    "access token without client": (ACCESS_TOKEN, {"client_id": None}),
    "access token that names its client as an ID token does": (ACCESS_TOKEN, {"client_id": None, "aud": "cli"}),
    "refresh token": (ID_TOKEN, {"token_use": "refresh"}),
    "token without a use": (ID_TOKEN, {"token_use": None}),
    "token with a list of uses": (ID_TOKEN, {"token_use": ["id"]}),
    "token of another pool": (ID_TOKEN, {"iss": f"{ISSUER[:-1]}J"}),
    "token without issuer": (ID_TOKEN, {"iss": None}),
    "expired token": (ACCESS_TOKEN, {"exp": int(time.time()) - 60}),
    "groups that are no list": (ID_TOKEN, {"cognito:groups": {"jobs:admin": 1}}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_is_refused(key_server: KeyServer, name: str) -> None:
    claims, changes = REFUSED[name]
    with pytest.raises(InvalidToken):
        principal(key_server, claims, **changes)


def test_a_pool_signs_with_rs256_only(key_server: KeyServer) -> None:
    key_server.publish(jwk(ec_key(), "key"))
    issuer = msgspec.structs.replace(issuer_from(SETTINGS), jwks_url=key_server.url)
    with pytest.raises(InvalidToken, match="algorithm"):
        asyncio.run(WebTokens(issuer).verify(signed(ec_key(), "ES256", kid="key", **ID_TOKEN)))
