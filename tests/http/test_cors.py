"""Pages of other origins that a setting names may call the service and read its refusals; no others may."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from pollable.cli import issued_tokens
from pollable.settings import Settings
from tests.http.calling import Deployment

APP = "https://app.example.com"
OTHERS = [
    "https://evil.example",
    "https://app.example.com.evil.example",
    "http://app.example.com",
    "null",
    f"{APP}:8443",
]
ORDER = {"type": "anything", "payload": 1}
# What a browser lets a page read without being told (Fetch, "CORS-safelisted response-header name").
SAFE = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
NOT_FOR_PAGES = {"vary", "content-security-policy", "x-content-type-options"}


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(msgspec.structs.replace(settings, auth=("tokens",), cors_origins=(APP,)))
    yield running
    running.close()


@pytest.fixture
def opened(settings: Settings) -> Iterator[Deployment]:
    """Without authentication, as a front end is developed."""
    running = Deployment(msgspec.structs.replace(settings, cors_origins=("http://localhost:5173",)), at="localhost")
    yield running
    running.close()


def preflight(deployment: Deployment, origin: str, *, method: str = "POST", asking_for: str = "") -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": method}
    if asking_for:
        headers["access-control-request-headers"] = asking_for
    return deployment.request("OPTIONS", "/jobs", headers=headers)


def token_of(deployment: Deployment) -> str:
    return f"Bearer {issued_tokens.create(deployment.redis, 'alice', lifetime_s=60)[0]}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_a_preflight_is_answered_without_a_token_and_remembered(deployment: Deployment, method: str) -> None:
    answer = preflight(
        deployment, APP, method=method, asking_for="authorization,content-type,idempotency-key,prefer,if-none-match"
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP
    assert method in answer.headers["access-control-allow-methods"]
    assert int(answer.headers["access-control-max-age"]) >= 3600
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("origin", OTHERS)
def test_no_other_origin_is_let_in(deployment: Deployment, origin: str) -> None:
    assert preflight(deployment, origin).status_code == 400
    answers = [preflight(deployment, origin), deployment.get("/jobs", origin=origin)]
    assert not any("access-control-allow-origin" in answer.headers for answer in answers)


@pytest.mark.parametrize(("method", "asking_for"), [("PUT", ""), ("PATCH", ""), ("POST", "x-forwarded-for")])
def test_what_the_service_does_not_take_is_refused_in_the_preflight(
    deployment: Deployment, method: str, asking_for: str
) -> None:
    assert preflight(deployment, APP, method=method, asking_for=asking_for).status_code == 400


def test_a_page_reads_every_header_that_the_service_sends(deployment: Deployment) -> None:
    token = token_of(deployment)
    known = {"authorization": token, "origin": APP, "idempotency_key": '"one"'}
    accepted = deployment.post("/jobs", ORDER, **known)
    replayed = deployment.post("/jobs", ORDER, **known)
    listed = deployment.get("/jobs?limit=1", authorization=token, origin=APP)
    read = deployment.get(accepted.headers["location"], authorization=token, origin=APP)
    assert replayed.headers["idempotency-replayed"] == "true"
    for answer in (accepted, replayed, listed, read):
        assert answer.headers["access-control-allow-origin"] == APP
        exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        sent = {name for name in answer.headers if not name.startswith("access-control-")}
        assert sent - SAFE - NOT_FOR_PAGES <= exposed
        assert "Origin" in answer.headers["vary"]
    assert "Authorization" in read.headers["vary"]


@pytest.mark.parametrize(
    ("path", "status"), [("/jobs", 401), ("/nothing", 404), ("/jobs/x", 401), ("/job_status?job_id=x", 401)]
)
def test_a_page_reads_refusals(deployment: Deployment, path: str, status: int) -> None:
    answer = deployment.get(path, origin=APP)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == APP
    assert "www-authenticate" in answer.headers["access-control-expose-headers"].lower() or status != 401


def test_any_page_where_the_setting_says_so_and_tokens_are_asked_for(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, auth=("tokens",), cors_origins=("*",)))
    answer = deployment.post("/jobs", ORDER, authorization=token_of(deployment), origin="https://anywhere.example")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (202, "*")
    deployment.close()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_without_authentication_the_pages_that_are_named_are_let_in(opened: Deployment, site: str) -> None:
    named = {"origin": "http://localhost:5173", "sec_fetch_site": site, "sec_fetch_mode": "cors"}
    answer = opened.post("/jobs", ORDER, **named)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (202, named["origin"])
    for foreign in ({**named, "origin": "http://localhost:3000"}, {"sec_fetch_site": site}, {**named, "origin": ""}):
        assert opened.post("/jobs", ORDER, **foreign).json()["code"] == "foreign_page"
    # A name that was made to point here stays out, whatever the page says of itself.
    assert opened.post("/jobs", ORDER, host="evil.example", **named).json()["code"] == "unknown_host"


def test_unset_nothing_is_said_of_origins(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, auth=("tokens",)))
    for answer in (preflight(deployment, APP), deployment.get("/jobs", origin=APP)):
        assert answer.status_code in (401, 405)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "Origin" not in answer.headers.get("vary", "")
    deployment.close()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://App.Example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(written: str, kept: str) -> None:
    assert Settings(cors_origins=(written,)).cors_origins == (kept,)
