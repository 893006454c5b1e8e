"""Settings: each known by name, checked when the process starts, and explained when wrong."""

from typing import Any

import msgspec
import pytest

from pollable.cli.documented import documented, in_force
from pollable.errors import SettingsError
from pollable.settings import ENVELOPES, Settings, from_environment, variable_of


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment({}) == Settings()


def test_what_is_not_ours_is_passed_over() -> None:
    assert from_environment({"PATH": "/bin", "JOBS": "x", "POLLABLES": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("POLLABLE_JOB", "POLLABLE_JOBS"),
        ("POLLABLE_LEASES", "POLLABLE_LEASE_S"),
        ("POLLABLE_RESULT_TTL", "POLLABLE_RESULT_TTL_S"),
        ("POLLABLE_MAX_BODY", "POLLABLE_MAX_BODY_BYTES"),
        ("POLLABLE_ENVELOPE", "POLLABLE_ENVELOPES"),
    ],
)
def test_an_unknown_name_stops_the_start_with_the_nearest_known_one(name: str, nearest: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_environment({name: "1"})
    assert name in str(refusal.value)
    assert nearest in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLLABLE_PATH_PREFIX", "https://api.example/pollable"),
        ("POLLABLE_PATH_PREFIX", "/a b"),
        ("POLLABLE_PATH_PREFIX", "/a?b"),
        ("POLLABLE_TRUSTED_PROXIES", "10.0.0.1,nginx"),
        ("POLLABLE_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("POLLABLE_TRUSTED_PROXIES", "10.0.0.1:80"),
        ("POLLABLE_TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0"),
        ("POLLABLE_TRUSTED_PROXIES", "::/0"),
        ("POLLABLE_TRUSTED_PROXIES", "::ffff:0.0.0.0/96"),
    ],
)
def test_a_front_that_does_not_fit_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_environment({name: value})
    assert name in str(refusal.value)
    assert value.split(",")[-1] in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "field", "parsed"),
    [
        ("REDIS_URL", "rediss://:p@example.com:6380/1", "redis_url", "rediss://:p@example.com:6380/1"),
        ("WEB_CONCURRENCY", "4", "web_concurrency", 4),
        ("POLLABLE_JOBS", "shop.jobs, myapp.jobs,", "jobs", ("shop.jobs", "myapp.jobs")),
        ("POLLABLE_QUEUES", "urgent", "queues", ("urgent",)),
        ("POLLABLE_AUTH", "jwt,tokens", "auth", ("jwt", "tokens")),
        ("POLLABLE_LEASE_S", "1", "lease_s", 1.0),
        ("POLLABLE_EXPOSE_ERRORS", "true", "expose_errors", True),
        ("POLLABLE_EXPOSE_ERRORS", "1", "expose_errors", True),
        ("POLLABLE_QUOTA_POLLS", "0", "quota_polls", 0),
        ("POLLABLE_ENVELOPES", "native", "envelopes", ("native",)),
        ("POLLABLE_LOG_FORMAT", "text", "log_format", "text"),
        ("POLLABLE_PATH_PREFIX", "/api/jobs", "path_prefix", "/api/jobs"),
        ("POLLABLE_PATH_PREFIX", "pollable/", "path_prefix", "/pollable"),
        ("POLLABLE_PATH_PREFIX", "/", "path_prefix", ""),
        ("POLLABLE_TRUSTED_PROXIES", "10.0.0.0/8, ::1,unix", "trusted_proxies", ("10.0.0.0/8", "::1", "unix")),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isupper() else "",
)
def test_a_value_that_fits_is_taken(name: str, value: str, field: str, parsed: object) -> None:
    assert getattr(from_environment({name: value}), field) == parsed


@pytest.mark.parametrize("blank", ["", " ", "\n"], ids=["empty", "blank", "newline"])
def test_an_empty_value_is_the_same_as_none(blank: str) -> None:
    assert from_environment({"REDIS_URL": blank, "POLLABLE_JOBS": blank, "PORT": blank}) == Settings()


def test_settings_that_belong_together_are_taken_together() -> None:
    url, secret = "rediss://redis.example", "a shared, comma-separated secret of 32"
    settings = from_environment({"REDIS_URL": url, "POLLABLE_REDIS_TLS_VERIFY": "false"})
    assert (settings.redis.has_tls, settings.redis_tls_verify) == (True, False)
    settings = from_environment({"POLLABLE_AUTH": "jwt", "POLLABLE_JWT_SECRET": secret + "\n"})
    assert settings.jwt_secret == secret


OF_KUBERNETES = {
    "POLLABLE_SERVICE_HOST": "10.0.0.1",
    "POLLABLE_SERVICE_PORT": "80",
    "POLLABLE_SERVICE_PORT_HTTP": "80",
    "POLLABLE_PORT": "tcp://10.0.0.1:80",
    "POLLABLE_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "POLLABLE_PORT_8000_TCP_ADDR": "10.0.0.1",
    "POLLABLE_PORT_8000_TCP_PORT": "8000",
    "POLLABLE_PORT_8000_TCP_PROTO": "tcp",
    "POLLABLE_PORT_53_UDP": "udp://10.0.0.1:53",
    "POLLABLE_PORT_53_UDP_ADDR": "10.0.0.1",
    "POLLABLE_PORT_9_SCTP_PROTO": "sctp",
    "POLLABLE_WEB_SERVICE_HOST": "fd00::1",
    "POLLABLE_WEB_SERVICE_PORT_METRICS_2": "9090",
    "POLLABLE_WEB_PORT": "tcp://[fd00::1]:80",
    "POLLABLE_WEB_PORT_80_TCP_ADDR": "fd00::1",
}


@pytest.mark.parametrize("name", OF_KUBERNETES)
def test_what_kubernetes_says_of_a_service_is_no_setting(name: str) -> None:
    assert from_environment({name: OF_KUBERNETES[name]}) == Settings()


def test_all_that_kubernetes_says_leaves_settings_as_they_are() -> None:
    assert from_environment({**OF_KUBERNETES, "PORT": "5000"}) == from_environment({"PORT": "5000"})


def test_what_is_shown_of_settings_has_no_secret() -> None:
    settings = Settings(redis_url="redis://u:hunter2@h/3", jwt_secret="hunter2" * 9, auth="jwt", expose_errors=True)
    assert in_force(settings) == {
        "REDIS_URL": "redis://u@h:6379/3",
        "POLLABLE_AUTH": "jwt",
        "POLLABLE_JWT_SECRET": "(set)",
        "POLLABLE_EXPOSE_ERRORS": "true",
    }
    for shown in (repr(settings), str(settings), f"{settings}", repr(settings.redis), str([settings])):
        assert "hunter2" not in shown
    assert str(settings.__rich_repr__()) == "[('redis', redis://u@h:6379/3)]"
    assert settings.redis.__rich_repr__() == [("url", "redis://u@h:6379/3")]


def test_a_misspelt_redis_url_is_refused_in_python_code_too() -> None:
    with pytest.raises(SettingsError, match="REDIS_URL must begin with") as refusal:
        Settings(redis_url="hunter2@localhost")
    assert "hunter2" not in str(refusal.value)


def test_a_platform_that_sets_the_port_reaches_us_from_outside() -> None:
    assert (from_environment({"PORT": "5000"}).host, from_environment({"PORT": "5000"}).port) == ("0.0.0.0", 5000)
    assert from_environment({"PORT": "5000", "POLLABLE_HOST": "127.0.0.1"}).host == "127.0.0.1"
    assert from_environment({}).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://issuer.example/keys?key=hunter2", "https://issuer.example/keys"),
        ("https://issuer.example:8443/?hunter2", "https://issuer.example:8443/"),
        ("https://u:hunter2@issuer.example/keys#hunter2", "https://issuer.example/keys"),
        ("https://issuer.example/keys", "https://issuer.example/keys"),
    ],
)
def test_what_is_in_force_shows_where_keys_are_without_what_may_be_secret(url: str, shown: str) -> None:
    assert in_force(Settings(auth="jwt", jwks_url=url))["POLLABLE_JWKS_URL"] == shown


def test_every_setting_is_documented_under_the_name_that_sets_it() -> None:
    rows = documented()
    assert [row.variable for row in rows] == [variable_of(name) for name in Settings.__struct_fields__]
    assert all(row.description for row in rows)
    assert {row.variable for row in rows if not row.variable.startswith("POLLABLE_")} == {
        "REDIS_URL", "PORT", "WEB_CONCURRENCY"
    }  # fmt: skip


def test_the_documented_default_gives_the_default() -> None:
    for row in documented():
        if row.variable != "PORT":
            assert from_environment({row.variable: row.default}) == Settings(), row.variable


def test_every_envelope_is_on_by_default() -> None:
    assert Settings().envelopes == ENVELOPES


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({"auth": "none"}, Settings(auth=("none",))),
        ({"auth": ["jwt", "tokens"]}, Settings(auth=("jwt", "tokens"))),
        ({"auth": "jwt, tokens"}, Settings(auth=("jwt", "tokens"))),
        ({"jobs": "shop.jobs,myapp.jobs"}, Settings(jobs=("shop.jobs", "myapp.jobs"))),
        ({"queues": "urgent"}, Settings(queues=("urgent",))),
        ({"trusted_proxies": "10.0.0.0/8"}, Settings(trusted_proxies=("10.0.0.0/8",))),
        ({"path_prefix": "pollable/"}, Settings(path_prefix="/pollable")),
    ],
    ids=str,
)
def test_python_code_may_write_a_list_as_the_environment_does(given: dict[str, Any], settings: Settings) -> None:
    assert Settings(**given) == settings
    assert msgspec.structs.replace(Settings(), **given) == settings


@pytest.mark.parametrize("given", [{"path_prefix": "//evil.example"}, {"trusted_proxies": ("*",)}], ids=str)
def test_python_code_is_told_what_does_not_fit(given: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="POLLABLE_"):
        Settings(**given)
