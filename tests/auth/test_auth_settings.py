import asyncio
import re
from typing import Any

import pytest
from redis.asyncio import Redis

from pollable.auth.authenticator import Authenticator, check_exposure
from pollable.errors import InvalidToken, SettingsError, Unauthenticated
from pollable.settings import Settings
from tests.auth.minting import SECRET

JWT: dict[str, Any] = {"auth": ("jwt",)}
COGNITO: dict[str, Any] = {**JWT, "cognito_pool": "eu-west-1_AbCdEfGhI", "cognito_clients": ("app",)}
URL = "https://issuer.example/keys"

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no mode": ({"auth": ()}, "POLLABLE_AUTH is none alone"),
    "none and jwt": ({"auth": ("none", "jwt"), "jwt_secret": SECRET}, "POLLABLE_AUTH is none alone"),
    "a mode that is none": ({"auth": ("basic",)}, "POLLABLE_AUTH is none alone"),
    "an empty text": ({"auth": ""}, "POLLABLE_AUTH is none alone"),
    "two modes as one text": ({"auth": "none, jwt", "jwt_secret": SECRET}, "POLLABLE_AUTH is none alone"),
    "unset, with a secret": ({"jwt_secret": SECRET}, "POLLABLE_AUTH is not set; set it to jwt"),
    "unset, with a key set": ({"jwks_url": URL}, "POLLABLE_AUTH is not set; set it to jwt"),
    "jwt without keys": (JWT, "exactly one of .* must be set; 0 are"),
    "a secret and a key set": ({**JWT, "jwt_secret": SECRET, "jwks_url": URL}, "must be set; 2 are"),
    "a pool and a key set": ({**COGNITO, "jwks_url": URL}, "must be set; 2 are"),
    "secret of 31 bytes": ({**JWT, "jwt_secret": "s" * 31}, "has 31 bytes; HS256 needs at least 32"),
    "secret too short for HS512": (
        {**JWT, "jwt_secret": "s" * 63, "jwt_algorithms": ("HS256", "HS512")},
        "has 63 bytes; HS512 needs at least 64",
    ),
    "secret a public key": (
        {**JWT, "jwt_secret": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"},
        "public keys are read from POLLABLE_JWKS_URL",
    ),
    "RS256 with a secret": ({**JWT, "jwt_secret": SECRET, "jwt_algorithms": ("RS256",)}, "names 'RS256'; .* HS256"),
    "HS256 with a key set": ({**JWT, "jwks_url": URL, "jwt_algorithms": ("RS256", "HS256")}, "names 'HS256'"),
    "algorithm none": ({**JWT, "jwt_secret": SECRET, "jwt_algorithms": ("none",)}, "names 'none'"),
    "ES256 with a pool": ({**COGNITO, "jwt_algorithms": ("ES256",)}, "names 'ES256'; .* RS256"),
    "key set over http": ({**JWT, "jwks_url": "http://issuer.example/keys"}, "must start with https"),
    "key set in a file": ({**JWT, "jwks_url": "file:///etc/passwd"}, "must start with https"),
    "key set without a host": ({**JWT, "jwks_url": "https:///keys"}, "must start with https"),
    "key set at a path with a blank": ({**JWT, "jwks_url": f"{URL} HTTP/1.1"}, "have no blank"),
    "key set at a path with a line break": ({**JWT, "jwks_url": f"{URL}\r\nX: y"}, "have no blank"),
    "key set at a path that is not ASCII": ({**JWT, "jwks_url": f"{URL}/é"}, "have no blank"),
    "key set at no port": ({**JWT, "jwks_url": "https://issuer.example:keys/"}, "must start with https"),
    "pool without a region": ({**COGNITO, "cognito_pool": "AbCdEfGhI"}, "is no user pool id"),
    "pool with a path": ({**COGNITO, "cognito_pool": "eu-west-1_Ab/../cd"}, "is no user pool id"),
    "pool with another host": ({**COGNITO, "cognito_pool": "evil.example/eu-west-1_Ab"}, "is no user pool id"),
    "pool without clients": ({**COGNITO, "cognito_clients": ()}, "POLLABLE_COGNITO_CLIENTS must name"),
    "pool with an audience": ({**COGNITO, "jwt_audience": "pollable"}, "must not be set beside them"),
}


@pytest.mark.parametrize("name", WRONG)
def test_settings_that_would_let_in_the_wrong_people_stop_the_start(name: str) -> None:
    settings, message = WRONG[name]
    with pytest.raises(SettingsError) as caught:
        Authenticator.from_settings(Settings(**settings), Redis())
    assert re.search(message, str(caught.value))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_without_a_word_on_authentication_only_loopback_is_served(host: str) -> None:
    assert check_exposure(Settings(host=host)).auth == ("none",)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "pollable.example", ""])
def test_what_others_can_reach_needs_a_word_on_authentication(host: str) -> None:
    with pytest.raises(SettingsError, match="POLLABLE_AUTH"):
        check_exposure(Settings(host=host))
    check_exposure(Settings(host=host, auth=("none",)))
    check_exposure(Settings(host=host, auth=("tokens",)))


@pytest.mark.parametrize("front", [{"trusted_proxies": "127.0.0.1"}, {"path_prefix": "/pollable"}], ids=str)
def test_behind_a_proxy_loopback_is_reached_from_outside(front: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="a proxy stands in front, which lets everyone in"):
        check_exposure(Settings(**front))
    assert check_exposure(Settings(auth="none", **front)).auth == ("none",)


def test_where_nothing_was_said_nobody_is_let_in() -> None:
    # The application does not serve then; should it ever, this holds.
    guard = Authenticator.from_settings(Settings(), Redis())
    assert guard.remembered(None) is None
    for authorization in (None, b"Bearer abc"):
        with pytest.raises((Unauthenticated, InvalidToken)):
            asyncio.run(guard.authenticate(authorization))


@pytest.mark.parametrize(
    "settings",
    [
        {**JWT, "jwt_secret": "s" * 32},
        {**JWT, "jwt_secret": "ö" * 16},
        {**JWT, "jwt_secret": "s" * 64, "jwt_algorithms": ("HS256", "HS384", "HS512")},
        {**JWT, "jwks_url": URL, "jwt_algorithms": ("PS256", "ES384")},
        {**JWT, "jwks_url": "http://[::1]:8080/keys"},
        {"auth": ("jwt", "tokens"), "jwt_secret": SECRET},
        COGNITO,
    ],
    ids=["secret", "secret by bytes", "three HMACs", "key set", "key set on loopback", "both", "pool"],
)
def test_settings_that_work_start(settings: dict[str, Any]) -> None:
    Authenticator.from_settings(Settings(**settings), Redis())
