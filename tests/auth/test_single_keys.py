"""The keys of a set, each on its own: which of them count, and for what."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pollable.errors import InvalidToken
from tests.auth.keyserver import KeyServer, tokens_of
from tests.auth.minting import jwk, rsa_key, signed

FIRST = signed(rsa_key("first"), "RS256", kid="first")
SECOND = signed(rsa_key("second"), "RS256", kid="second")
FIRST_KEY = jwk(rsa_key("first"), "first")
SECOND_KEY = jwk(rsa_key("second"), "second")
MEMBERS = ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y", "d", "k", "x5c"]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_rubbish_beside_a_good_key_does_no_harm(key_server: KeyServer) -> None:
    rubbish: list[dict[str, Any]] = [
        {},
        {"kty": "RSA", "kid": "first"},
        {"kty": "RSA", "n": 7, "e": [], "kid": None},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": 7},
        {"kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kty": ["RSA"], "alg": {"RS256": 1}},
    ]
    key_server.publish(*rubbish, FIRST_KEY)
    asyncio.run(tokens_of(key_server).verify(FIRST))


ODD: dict[str, Any] = {
    **{f"kid {kid!r}": {**SECOND_KEY, "kid": kid} for kid in ([], ["first"], {}, {"first": 1}, 7, True, 1.5)},
    "null": None,
    "a number": 7,
    "a text": "first",
    "an empty list": [],
    "a list of keys": [FIRST_KEY],
    "odd members": {"kty": "RSA", "use": {}, "alg": [], "key_ops": 7},
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_about_one_key_spoils_that_one_alone(key_server: KeyServer, name: str) -> None:
    for keys in ([ODD[name], FIRST_KEY], [FIRST_KEY, ODD[name]]):
        key_server.publish(*keys)

        async def body() -> None:
            tokens = tokens_of(key_server)
            await tokens.verify(FIRST)
            # What is left is the only one, so that a token need not name it.
            await tokens.verify(signed(rsa_key("first"), "RS256"))
            with pytest.raises(InvalidToken):
                await tokens.verify(SECOND)

        asyncio.run(body())


def test_whatever_one_key_holds_the_others_count(key_server: KeyServer) -> None:
    @given(st.dictionaries(st.sampled_from(MEMBERS), JSON_VALUES), st.sampled_from(["RSA", "EC", "OKP", "oct"]))
    @settings(max_examples=60)
    def holds(odd: dict[str, Any], kty: str) -> None:
        key_server.publish({"kty": kty, **odd}, FIRST_KEY)
        asyncio.run(tokens_of(key_server).verify(FIRST))

    holds()


def test_of_two_keys_with_one_kid_the_first_counts_and_the_others_are_unharmed(key_server: KeyServer) -> None:
    key_server.publish(FIRST_KEY, jwk(rsa_key("other"), "first"), SECOND_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(FIRST)
        await tokens.verify(SECOND)
        with pytest.raises(InvalidToken):
            await tokens.verify(signed(rsa_key("other"), "RS256", kid="first"))

    asyncio.run(body())


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ({"use": "sig"}, True),
        ({"key_ops": ["verify"]}, True),
        ({"key_ops": ["sign", "verify"], "use": "sig"}, True),
        ({"use": "enc"}, False),
        ({"use": "SIG"}, False),
        ({"use": None}, False),
        ({"use": ["sig"]}, False),
        ({"key_ops": ["encrypt"]}, False),
        ({"key_ops": ["encrypt"], "use": "sig"}, False),
        ({"key_ops": ["verify"], "use": "enc"}, False),
        ({"key_ops": []}, False),
        ({"key_ops": "verify"}, False),
        ({"key_ops": {"verify": 1}}, False),
        ({"key_ops": None}, False),
        ({"key_ops": [["verify"]]}, False),
    ],
    ids=repr,
)
def test_a_key_counts_for_what_its_issuer_says_it_is_for(
    key_server: KeyServer, members: dict[str, Any], counts: bool
) -> None:
    """RFC 7517, sections 4.2 and 4.3."""
    key_server.publish({**FIRST_KEY, **members}, SECOND_KEY)

    async def body() -> None:
        tokens = tokens_of(key_server)
        await tokens.verify(SECOND)
        if counts:
            await tokens.verify(FIRST)
        else:
            with pytest.raises(InvalidToken, match="does not have"):
                await tokens.verify(FIRST)

    asyncio.run(body())
