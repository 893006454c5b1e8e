"""What a client is told of where the service is and who asks, and what it loads."""

import json
import subprocess
import sys
from typing import Any

import pytest

from pollable.client import AsyncClient, Client, Unreachable
from pollable.client.errors import seconds
from pollable.settings import caller, from_environment
from tests.clients.ours.between import Between
from tests.clients.ours.conftest import Make
from tests.clients.people import token
from tests.system.running import environment

IMPORTED = """
import json, sys
import pollable.settings
before = set(sys.modules)
from pollable.client import Client
print(json.dumps(sorted(set(sys.modules) - before)))
print(json.dumps(sorted(sys.modules)))
"""


def test_the_environment_says_where_and_who(make: Make, way: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLLABLE_URL", f"{way.url}/ ")
    # As it comes out of a file.
    monkeypatch.setenv("POLLABLE_TOKEN", f"{token('of the environment')}\n")
    assert make().submit("nap", 1, delay=600).status().state == "scheduled"


def test_what_is_given_goes_before_the_environment(make: Make, way: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLLABLE_URL", "http://nowhere.example")
    monkeypatch.setenv("POLLABLE_TOKEN", "another")
    given = token("given")
    assert make(way.url, given).submit("nap", 1, delay=600)
    assert way.asked[0].headers["authorization"] == f"Bearer {given}"


def test_a_client_without_a_token_sends_none(make: Make, way: Between) -> None:
    with pytest.raises(Exception, match="unauthenticated"):
        make(way.url).job("x").status()
    assert "authorization" not in way.asked[0].headers


def test_a_service_may_be_set_up_where_a_client_is() -> None:
    told = {"POLLABLE_URL": "http://elsewhere.example", "POLLABLE_TOKEN": "secret"}
    assert from_environment(told) == from_environment({})
    assert "secret" not in repr(caller.from_environment(told))


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "jobs.example",
        "jobs.example:8000",
        "ftp://jobs.example",
        "http://",
        "http://a:b",
        "http://a:99999",
        "http://a?b",
    ],
)
def test_what_is_no_address_is_refused(kind: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLLABLE_URL", raising=False)
    with pytest.raises(ValueError, match=r"POLLABLE_URL|no address|[Pp]ort"):
        kind(url)


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="give a token") as raised:
        Client("https://me:hunter2@jobs.example")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("given", ["two words", "line\nfeed", "ümlaut"], ids=ascii)
def test_a_token_that_is_none_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(ValueError, match="characters") as raised:
        Client("https://jobs.example", given)
    assert given not in str(raised.value)


@pytest.mark.parametrize("job_id", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_refused(job_id: str) -> None:
    with Client("https://jobs.example") as client, pytest.raises(ValueError, match="no job's id"):
        client.job(job_id)


@pytest.mark.parametrize("key", ["x" * 256, "ümlaut", "line\nfeed"], ids=ascii)
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with Client("https://jobs.example") as client, pytest.raises(ValueError, match="no idempotency key"):
        client.submit("nap", 0, idempotency_key=key)


def test_a_prefix_of_the_address_is_kept(make: Make, way: Between) -> None:
    with pytest.raises(Exception, match="404"):
        make(f"{way.url}/pollable/", token("prefixed")).job("x").status()
    assert way.asked[0].path == "/pollable/jobs/x"


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [("0", 0.0), ("120", 120.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("²", None)],
)
def test_retry_after_is_read_in_seconds(header: str, pause_s: float | None) -> None:
    assert seconds(header) == pause_s


def test_unreachable_is_no_answer() -> None:
    assert not hasattr(Unreachable("x"), "status")


def test_the_client_loads_httpx2_and_nothing_of_the_service() -> None:
    told = subprocess.run(
        [sys.executable, "-c", IMPORTED], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    added, loaded = map(json.loads, told.stdout.splitlines())
    own = {name for name in added if name.startswith("pollable.")}
    assert {name for name in own if not name.startswith("pollable.client")} <= {"pollable.settings.caller"}
    packages = {name.partition(".")[0] for name in added} - set(sys.stdlib_module_names) - {"pollable"}
    assert {name for name in packages if not name.startswith("_")} == {"httpx2", "idna"}
    heavy = ("rq", "redis", "starlette", "uvicorn", "jwt", "click", "cryptography")
    assert [name for name in loaded if name.partition(".")[0] in heavy] == []
