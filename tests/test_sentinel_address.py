"""A REDIS_URL that names sentinels: who they are, what they watch, and as whom each is asked."""

import ssl
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable.settings import Settings
from pollable.settings.redis_address import parse
from pollable.storage.connection import WEB_TIMEOUT_S, WORKER_TIMEOUT_S, connect, connect_async

ONE = {"sentinels": (("a", 26379),), "service": "mymaster", "database": 0, "has_tls": False}
NOBODY = {"username": None, "password": None, "sentinel_username": None, "sentinel_password": None}

RIGHT: dict[str, dict[str, Any]] = {
    "redis+sentinel://a/mymaster": {},
    " REDIS+Sentinel://a:26379/mymaster/\n": {},
    "redis+sentinel://a/mymaster/3": {"database": 3},
    "redis+sentinel://a/mymaster?db=3": {"database": 3},
    "redis+sentinel://a/my-master_1.eu": {"service": "my-master_1.eu"},
    "redis+sentinel://a:1,b,[::1]:2,[::1]/mymaster": {
        "sentinels": (("a", 1), ("b", 26379), ("::1", 2), ("::1", 26379)),
    },
    "redis+sentinel://:p%2Cass@a/mymaster": {"password": "p,ass"},
    "redis+sentinel://u:p@a/mymaster/0?sentinel_password=s": {
        **{"username": "u", "password": "p", "sentinel_password": "s"},
    },
    "redis+sentinel://a/mymaster?sentinel_username=su&sentinel_password=p+s%2B%26%40%20s": {
        **{"sentinel_username": "su", "sentinel_password": "p+s+&@ s"},
    },
    "rediss+sentinel://a/mymaster?ssl_cert_reqs=required": {"has_tls": True},
}


@pytest.mark.parametrize("url", RIGHT, ids=lambda url: url.strip())
def test_an_address_is_read(url: str) -> None:
    address = parse(url)
    for field, value in {**ONE, **NOBODY, **RIGHT[url]}.items():
        assert getattr(address, field) == value, field


@pytest.mark.parametrize("url", RIGHT, ids=lambda url: url.strip())
def test_clients_ask_the_sentinels_as_one_and_the_primary_as_another(url: str) -> None:
    address, settings = parse(url), Settings(redis_url=url)
    for client, time_s in ((connect(settings), WORKER_TIMEOUT_S), (connect_async(settings), WEB_TIMEOUT_S)):
        pool: Any = client.connection_pool
        made, asked = pool.connection_kwargs, [each.connection_pool for each in pool.sentinel_manager.sentinels]
        assert pool.service_name == address.service
        assert (made["db"], made["username"], made["password"]) == (
            address.database,
            address.username,
            address.password,
        )
        assert (made["socket_timeout"], made["socket_connect_timeout"]) == (time_s, time_s)
        assert [(each.connection_kwargs["host"], each.connection_kwargs["port"]) for each in asked] == [
            *address.sentinels
        ]
        for each in asked:
            known = each.connection_kwargs
            assert (known["username"], known["password"]) == (address.sentinel_username, address.sentinel_password)
            assert known["socket_timeout"] + known["socket_connect_timeout"] <= 0.4
            assert ("SSL" in each.connection_class.__name__) == address.has_tls
        assert ("SSL" in pool.connection_class.__name__) == address.has_tls


def test_what_is_said_of_certificates_is_for_both() -> None:
    settings = Settings(redis_url="rediss+sentinel://a/mymaster", redis_tls_verify=False)
    pool: Any = connect_async(settings).connection_pool
    for made in (pool.connection_kwargs, pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs):
        assert made["ssl_cert_reqs"] == ssl.CERT_NONE


PASSWORDS = st.text(
    st.characters(codec="utf-8", exclude_characters="/?#@&+%, ", exclude_categories=["C", "Z"]), min_size=8
)


@given(PASSWORDS, PASSWORDS)
def test_no_text_of_an_address_has_its_passwords(password: str, other: str) -> None:
    address = parse(f"redis+sentinel://:{password}@h,i/m?sentinel_password={other}")
    assert (address.password, address.sentinel_password) == (password, other)
    assert str(address) == repr(address) == "redis+sentinel://h:26379,i:26379/m/0"
