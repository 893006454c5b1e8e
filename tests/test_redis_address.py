"""A REDIS_URL that can be meant in one way is taken in that way."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable.settings import Settings
from pollable.settings.redis_address import parse
from pollable.storage.connection import connect, connect_async

PLACE = {"host": "localhost", "port": 6379, "database": 0, "username": None, "password": None, "has_tls": False}

RIGHT: dict[str, dict[str, Any]] = {
    "redis://localhost": {},
    "redis://localhost/": {},
    " redis://localhost:6379/0\n": {},
    "REDIS://localhost": {},
    "redis://localhost:6380/3": {"port": 6380, "database": 3},
    "redis://localhost?db=3": {"database": 3},
    "redis://redis.data.svc.cluster.local.": {"host": "redis.data.svc.cluster.local."},
    "redis://redis_1": {"host": "redis_1"},
    "redis://[::1]:6380": {"host": "::1", "port": 6380},
    "redis://[fd00:0::1]": {"host": "fd00::1"},
    "redis://:pass@localhost": {"password": "pass"},
    "redis://user:pass@localhost": {"username": "user", "password": "pass"},
    "redis://user:@localhost": {"username": "user", "password": ""},
    "redis://:p@ss@localhost": {"password": "p@ss"},
    "redis://:p:ss@localhost": {"password": "p:ss"},
    "redis://:p[ss]@localhost": {"password": "p[ss]"},
    "redis://:100%@localhost": {"password": "100%"},
    "redis://:%23%2F%3F%40%25@localhost": {"password": "#/?@%"},
    "redis://:p%C3%B6ss@localhost": {"password": "p\u00f6ss"},
    "redis://:p+ss@localhost": {"password": "p+ss"},
    "rediss://localhost": {"has_tls": True},
    "rediss://localhost?ssl_cert_reqs=required": {"has_tls": True},
    "rediss://localhost?ssl_cert_reqs=CERT_REQUIRED&db=2": {"has_tls": True, "database": 2},
    "unix:///run/redis.sock": {"host": "", "path": "/run/redis.sock"},
    "unix://u:p@/run/a%40b.sock?db=1": {
        **{"host": "", "path": "/run/a@b.sock", "username": "u", "password": "p", "database": 1},
    },
}


@pytest.mark.parametrize("url", RIGHT, ids=lambda url: url.strip())
def test_an_address_is_read(url: str) -> None:
    address = parse(url)
    for field, value in {**PLACE, **RIGHT[url]}.items():
        assert getattr(address, field) == value, field


@pytest.mark.parametrize("url", RIGHT, ids=lambda url: url.strip())
def test_clients_are_made_of_what_was_read(url: str) -> None:
    address, settings = parse(url), Settings(redis_url=url)
    for client in (connect(settings), connect_async(settings)):
        made = client.connection_pool.connection_kwargs
        place = (made.get("path", ""),) if address.path else (made["host"], made["port"])
        assert place == ((address.path,) if address.path else (address.host, address.port))
        assert (made["db"], made["username"], made["password"]) == (
            address.database,
            address.username,
            address.password,
        )
        assert ("ssl_cert_reqs" in made) == address.has_tls


def test_files_of_certificates_are_handed_on(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    arguments = parse(f"rediss://localhost?ssl_ca_certs={authority}").arguments()
    assert (arguments["ssl"], arguments["ssl_ca_certs"]) == (True, str(authority))


@given(st.text(st.characters(codec="utf-8", exclude_characters="/?#@ ", exclude_categories=["C", "Z"]), min_size=8))
def test_no_text_of_an_address_has_its_password(password: str) -> None:
    written = password.replace("%", "%25")
    address = parse(f"redis://:{written}@h")
    assert address.password == password
    assert str(address) == repr(address) == "redis://h:6379/0"
