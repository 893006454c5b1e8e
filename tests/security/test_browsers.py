"""Without authentication a browser is the way in: neither a rebound name nor a foreign page gets an answer.

Each attack is also made where nothing defends, and succeeds there: what is refused is the attack and nothing else.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from pollable.cli import issued_tokens
from pollable.http import origins
from pollable.settings import Settings
from tests.contracts.published import check
from tests.http.calling import Deployment
from tests.http.hosting import asked, pollable_with
from tests.http.test_hosts import web
from tests.system.running import listens, until

LOOPBACK = [
    *("localhost", "LocalHost", "localhost:8000", "localhost:", "127.0.0.1", "127.0.0.1:5000", "127.1.2.3"),
    *("[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
]
FOREIGN = [
    *("evil.example", "evil.example:8000", "localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example"),
    *("localhost@evil.example", "localhost:80@evil.example", "evil.example/localhost", "localhost/", "localhost:8o"),
    *("192.168.1.7", "128.0.0.1", "0.0.0.0", "[::]", "[fe80::1]", "::1", "[::1", "2130706433", "127.1", "0x7f.0.0.1"),
    *("", "localhost.", "*", "localhost,evil.example", "localhost evil.example", "[localhost]", "[127.0.0.1]"),
]
ORDER = {"type": "anything", "payload": 1}


@pytest.fixture
def undefended(settings: Settings) -> Iterator[Deployment]:
    """The control: no authentication, and answered under every name."""
    deployment = Deployment(msgspec.structs.replace(settings, hosts=("*",)))
    yield deployment
    deployment.close()


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Deployment]:
    deployment = Deployment(msgspec.structs.replace(settings, auth=("tokens",)))
    yield deployment
    deployment.close()


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(settings, at="localhost")
    yield running
    running.close()


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("path", ["/jobs", "/job_status?job_id=x", "/healthz", "/openapi.json"])
def test_loopback_is_answered_by_any_of_its_names(deployment: Deployment, host: str, path: str) -> None:
    assert deployment.get(path, host=host).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_is_not_its_own_is_refused(deployment: Deployment, undefended: Deployment, host: str) -> None:
    job_id = deployment.submit()
    for path in ("/jobs", f"/jobs/{job_id}", f"/job_status?job_id={job_id}", "/openapi.json", "/nothing"):
        answer = deployment.get(path, host=host)
        assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")
        assert job_id not in answer.text
    assert deployment.post("/jobs", ORDER, host=host).status_code == 421
    assert deployment.post(f"/jobs/{job_id}/cancel", host=host).status_code == 421
    assert deployment.get(f"/jobs/{job_id}").json()["status"] == "queued"
    assert undefended.get(f"/jobs/{job_id}", host=host).json()["id"] == job_id


def test_the_refusal_names_the_setting_and_never_the_callers_text(deployment: Deployment) -> None:
    answer = deployment.get("/jobs", host="evil.example<script>")
    assert "POLLABLE_HOSTS" in answer.json()["detail"]
    assert "evil" not in answer.text
    check("problem", answer.content)


@pytest.mark.parametrize("path", ["/v1/api/jobs/x", "/api/agent/jobs/x"])
@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"host": "localhost", "origin": "http://evil.example"}])
def test_it_is_refused_in_the_words_of_the_page(deployment: Deployment, path: str, headers: dict[str, str]) -> None:
    answer = deployment.get(path, **headers)
    assert answer.status_code in (403, 421)
    assert "title" not in answer.json()
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("hosts", "answered", "refused"),
    [
        (
            ("pollable.example",),
            ["pollable.example", "POLLABLE.example:80", "127.0.0.1"],
            ["a.pollable.example", "10.0.0.1"],
        ),
        (
            ("10.0.0.1", "2001:db8::1"),
            ["10.0.0.1:8000", "[2001:db8::1]", "[2001:DB8:0::1]:8000"],
            ["10.0.0.2", "[::2]"],
        ),
        (("*",), ["evil.example", "10.0.0.1"], []),
    ],
    ids=["a name", "addresses", "all"],
)
def test_the_names_that_the_setting_gives_are_answered(
    settings: Settings, hosts: tuple[str, ...], answered: list[str], refused: list[str]
) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, hosts=hosts))
    assert [deployment.get("/jobs", host=host).status_code for host in answered] == [200] * len(answered)
    assert [deployment.get("/jobs", host=host).status_code for host in refused] == [421] * len(refused)
    deployment.close()


def test_what_a_proxy_says_of_the_host_is_not_believed(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, trusted_proxies=("127.0.0.1",)), at="localhost")
    for headers in ({"x_forwarded_host": "localhost"}, {"forwarded": "host=localhost"}):
        assert deployment.get("/jobs", host="evil.example", **headers).status_code == 421
    assert deployment.get("/jobs", host="localhost", x_forwarded_host="evil.example").status_code == 200
    deployment.close()


def test_with_authentication_names_count_where_they_are_given(guarded: Deployment, settings: Settings) -> None:
    # A rebound page has no token; the control for what authentication defends.
    assert guarded.get("/jobs", host="evil.example").status_code == 401
    named = Deployment(msgspec.structs.replace(settings, auth=("tokens",), hosts=("pollable.example",)))
    assert named.get("/jobs", host="evil.example").status_code == 421
    assert named.get("/jobs", host="pollable.example").status_code == 401
    named.close()


@pytest.mark.parametrize("host", ["10.1.2.3:8000", "evil.example"])
def test_a_platform_that_probes_an_address_is_answered(deployment: Deployment, host: str) -> None:
    assert deployment.get("/healthz", host=host).json() == {"status": "ok"}
    assert deployment.get("/readyz", host=host).json()["code"] == "no_worker"
    assert deployment.post("/healthz", host=host).status_code == 405
    assert deployment.get("/healthz/", host=host).status_code == 421


FOREIGN_PAGES: list[dict[str, str]] = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "http://localhost:3000"},
    {"origin": "http://localhost.evil.example"},
    {"origin": "localhost"},
    {"origin": ""},
    {"origin": "http://evil.example", "sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "SAME-ORIGIN?"},
]


@pytest.mark.parametrize("headers", FOREIGN_PAGES, ids=str)
def test_a_foreign_page_is_refused(deployment: Deployment, headers: dict[str, str]) -> None:
    job_id = deployment.submit()
    asked = [
        deployment.get(f"/jobs/{job_id}", **headers),
        deployment.post("/jobs", ORDER, **headers),
        deployment.post(f"/jobs/{job_id}/cancel", **headers),
        deployment.request("DELETE", f"/jobs/{job_id}", headers=_spelled(**headers)),
        deployment.request("OPTIONS", "/jobs", headers=_spelled(**headers)),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in asked} == {(403, "foreign_page")}
    assert not any("access-control-allow-origin" in answer.headers for answer in asked)
    assert deployment.get(f"/jobs/{job_id}").json()["status"] == "queued"


@pytest.mark.parametrize("headers", FOREIGN_PAGES, ids=str)
def test_the_same_requests_do_harm_where_nothing_looks(
    deployment: Deployment, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins.Origins, "require", lambda *_: None)
    job_id = deployment.submit()
    assert deployment.post(f"/jobs/{job_id}/cancel", host="evil.example", **headers).json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://localhost:8000"},
        {"origin": "HTTP://LOCALHOST:8000"},
        {"origin": "https://localhost:8000"},
        {"sec_fetch_site": "same-origin", "origin": "http://localhost:8000"},
        # A proxy of a developer's that renames the host: the browser knows better what the page's own is.
        {"sec_fetch_site": "same-origin", "origin": "http://localhost:3000"},
        {"sec_fetch_site": "none"},
    ],
    ids=str,
)
def test_its_own_page_is_answered(deployment: Deployment, headers: dict[str, str]) -> None:
    job_id = deployment.submit()
    assert deployment.post(f"/jobs/{job_id}/cancel", host="localhost:8000", **headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_may_be_followed_and_does_nothing(deployment: Deployment, site: str) -> None:
    job_id = deployment.submit()
    followed = {"host": "localhost", "sec_fetch_site": site, "sec_fetch_mode": "navigate"}
    assert deployment.get(f"/jobs/{job_id}", **followed).status_code == 200
    # A form of another page, sent by itself.
    form = deployment.request("POST", f"/jobs/{job_id}/cancel", headers=_spelled(**followed), data={"a": "b"})
    assert form.status_code == 403


def test_a_body_that_a_form_can_send_is_no_job(undefended: Deployment) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        content = b'{"type":"anything","payload":1}'
        answer = undefended.request("POST", "/jobs", content=content, headers={"content-type": media_type})
        assert answer.status_code == 415


def test_a_post_without_a_body_needs_no_media_type(deployment: Deployment) -> None:
    job_id = deployment.submit()
    assert deployment.request("POST", f"/jobs/{job_id}/cancel", headers={}).status_code == 200
    assert deployment.request("POST", f"/v1/api/jobs/{job_id}/rerun", headers={}).status_code == 202


def test_a_token_is_what_counts_where_there_are_tokens(guarded: Deployment) -> None:
    # No page of a stranger's has one, and no browser sends it by itself.
    token, _ = issued_tokens.create(guarded.redis, "alice", lifetime_s=60)
    known = {"authorization": f"Bearer {token}", "origin": "http://evil.example", "sec_fetch_site": "cross-site"}
    assert guarded.post("/jobs", ORDER, **known).status_code == 202
    assert guarded.post("/jobs", ORDER, origin="http://evil.example").status_code == 401


@pytest.mark.parametrize(("path", "status"), [("healthz", 200), ("readyz", 503), ("jobs", 421), ("x/healthz", 421)])
def test_in_a_mount_the_same_rule_holds(settings: Settings, path: str, status: int) -> None:
    pollable = pollable_with(settings, hosts=())
    host = Starlette(routes=[Mount("/pollable", pollable)])
    answer = asked(pollable, host, lambda client: client.get(f"/pollable/{path}"))
    assert answer.status_code == status


def test_a_served_process_keeps_the_rule(redis_url: str, tmp_path: Path) -> None:
    with web(redis_url, tmp_path) as served:
        until(lambda: listens(served))
        assert served.http.get("/jobs").status_code == 200
        for headers, status in (({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)):
            assert served.http.get("/jobs", headers=headers).status_code == status
        with socket.create_connection(("127.0.0.1", httpx.URL(served.url).port or 0), timeout=10) as raw:
            raw.sendall(b"GET /jobs HTTP/1.0\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 421 ")


def test_no_list_of_names_grows_with_what_callers_write(settings: Settings) -> None:
    known = origins.Origins(settings, lambda _: None)
    for port in range(origins.MOST_KNOWN + 50):
        known.require({"path": "/jobs", "method": "GET"}, {b"host": b"localhost:%d" % port})
    assert len(known._known) == origins.MOST_KNOWN


def _spelled(**headers: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
