"""Settings: each known by name, checked when the process starts, and explained when wrong."""

import pytest

from service.errors import SettingsError
from service.settings import ENVELOPES, Settings, documented, from_environment, variable_of


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
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "two"),
        ("POLLABLE_JOB_TIMEOUT_S", "0"),
        ("POLLABLE_RESULT_TTL_S", "-5"),
        ("POLLABLE_FAILURE_TTL_S", "1h"),
        ("POLLABLE_LEASE_S", "0.5"),
        ("POLLABLE_LEASE_S", "soon"),
        ("POLLABLE_AUTH", "basic"),
        ("POLLABLE_AUTH", "jwt,basic"),
        ("POLLABLE_FOREIGN_JOBS", "write"),
        ("POLLABLE_EXPOSE_ERRORS", "maybe"),
        ("POLLABLE_LOG_LEVEL", "LOUD"),
        ("POLLABLE_LOG_FORMAT", "xml"),
        ("POLLABLE_MAX_BODY_BYTES", "256kB"),
        ("POLLABLE_QUOTA_POLLS", "-1"),
        ("POLLABLE_ENVELOPES", "plain,fancy"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_environment({name: value})
    assert name in str(refusal.value)
    assert value.split(",")[-1] in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value", "field", "parsed"),
    [
        ("REDIS_URL", "rediss://:p@example.com:6380/1", "redis_url", "rediss://:p@example.com:6380/1"),
        ("WEB_CONCURRENCY", "4", "web_concurrency", 4),
        ("POLLABLE_JOBS", "examples.assessment, myapp.jobs,", "jobs", ("examples.assessment", "myapp.jobs")),
        ("POLLABLE_QUEUES", "urgent", "queues", ("urgent",)),
        ("POLLABLE_AUTH", "jwt,tokens", "auth", ("jwt", "tokens")),
        ("POLLABLE_LEASE_S", "1", "lease_s", 1.0),
        ("POLLABLE_EXPOSE_ERRORS", "false", "expose_errors", False),
        ("POLLABLE_EXPOSE_ERRORS", "0", "expose_errors", False),
        ("POLLABLE_REDIS_TLS_VERIFY", "false", "redis_tls_verify", False),
        ("POLLABLE_QUOTA_POLLS", "0", "quota_polls", 0),
        ("POLLABLE_ENVELOPES", "native", "envelopes", ("native",)),
        ("POLLABLE_JWT_SECRET", "a,b", "jwt_secret", "a,b"),
        ("POLLABLE_LOG_FORMAT", "text", "log_format", "text"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isupper() else "",
)
def test_a_value_that_fits_is_taken(name: str, value: str, field: str, parsed: object) -> None:
    assert getattr(from_environment({name: value}), field) == parsed


def test_an_empty_value_is_the_same_as_none() -> None:
    assert from_environment({"REDIS_URL": "", "POLLABLE_JOBS": "", "PORT": ""}) == Settings()


def test_a_platform_that_sets_the_port_reaches_us_from_outside() -> None:
    assert (from_environment({"PORT": "5000"}).host, from_environment({"PORT": "5000"}).port) == ("0.0.0.0", 5000)
    assert from_environment({"PORT": "5000", "POLLABLE_HOST": "127.0.0.1"}).host == "127.0.0.1"
    assert from_environment({}).host == "127.0.0.1"


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
