"""The table of refusals: each answers as agreed and leaves Redis as it was."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest

from service.settings import Settings
from tests.contracts.published import check
from tests.http.calling import Deployment, catalog_of, job_type

SECRET = "a secret that is long enough for HS256"


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Deployment]:
    """A deployment that asks for tokens."""
    running = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    yield running
    running.close()


def refused(deployment: Deployment, call: Callable[[], httpx.Response], status: int, code: str) -> dict[str, Any]:
    """The problem document of a call that is refused and changes nothing."""
    before = deployment.dump()
    answer = call()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = check("problem", answer.content)
    assert (document["status"], document["code"]) == (status, code)
    assert deployment.dump() == before
    return document


def post_raw(deployment: Deployment, body: bytes, *, path: str = "/jobs", **headers: str) -> httpx.Response:
    named = {"content-type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return deployment.request("POST", path, content=body, headers=named)


def ordered(payload: str, *, name: str = "anything") -> bytes:
    return b'{"type":"%s","payload":%s}' % (name.encode(), payload.encode(errors="surrogatepass"))


INVALID_JSON = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{", id="truncated"),
    pytest.param(b"{}{}", id="two documents"),
    pytest.param(b'{"type":"anything","payload":NaN}', id="NaN"),
    pytest.param(b'{"type":"anything","payload":1e999}', id="beyond a double"),
    pytest.param(b'{"type":"anything","payload":"\xff"}', id="not UTF-8"),
    pytest.param(b'{"type":"anything","payload":"\xed\xa0\x80"}', id="an encoded surrogate"),
    pytest.param(b'{"type":"anything","payload":"\\ud800 alone"}', id="a lone surrogate"),
    pytest.param(b'\xef\xbb\xbf{"type":"anything","payload":1}', id="a byte order mark"),
    pytest.param(ordered("[" * 20_000 + "]" * 20_000), id="20000 deep"),
    pytest.param(ordered('{"a":' * 40_000 + "1" + "}" * 40_000), id="40000 objects deep"),
    pytest.param(b'{"type":"anything","payload":' + b"9" * 5_000 + b"}", id="an integer of 5000 digits"),
    pytest.param(b"text=leaves", id="a form"),
]


@pytest.mark.parametrize("path", ["/jobs", "/generate_assessment", "/v1/api/jobs"])
@pytest.mark.parametrize("body", INVALID_JSON)
def test_a_body_that_is_not_json(deployment: Deployment, body: bytes, path: str) -> None:
    before = deployment.dump()
    answer = post_raw(deployment, body, path=path)
    assert answer.status_code == 400, answer.text
    assert "invalid_json" in answer.text
    assert deployment.dump() == before


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        pytest.param("/jobs", {"type": "generate_assessment", "payload": {}}, "$.payload.text", id="missing"),
        pytest.param(
            "/jobs",
            {"type": "generate_assessment", "payload": {"text": "a", "questions": "x"}},
            "$.payload.questions",
            id="wrong type",
        ),
        pytest.param("/jobs", {"type": "generate_assessment", "payload": []}, "$.payload", id="no object"),
        pytest.param("/jobs", {"type": "anything"}, "$.payload", id="no payload"),
        pytest.param("/jobs", {"payload": 1}, "$.type", id="no type"),
        pytest.param("/jobs", [], "$", id="a list"),
        pytest.param("/jobs", {"type": "anything", "payload": 1, "colour": 2}, "$.colour", id="unknown member"),
        pytest.param("/jobs", {"type": "anything", "payload": 1, "queue": "slow"}, "$.queue", id="unknown queue"),
        pytest.param("/jobs", {"type": "anything", "payload": 1, "delay": -1}, "$.delay", id="negative delay"),
        pytest.param("/jobs", {"type": "anything", "payload": 1, "delay": 2_592_001}, "$.delay", id="31 days"),
        pytest.param(
            "/jobs", {"type": "anything", "payload": 1, "runAt": "2026-03-04T12:00:00"}, "$.runAt", id="no offset"
        ),
        pytest.param(
            "/jobs", {"type": "anything", "payload": 1, "runAt": "9999-12-31T23:59:59-12:00"}, "$.runAt", id="year 9999"
        ),
        pytest.param(
            "/jobs",
            {"type": "anything", "payload": 1, "delay": 1, "runAt": "2020-01-01T00:00:00Z"},
            "$.runAt",
            id="delay and runAt",
        ),
        pytest.param("/jobs", {"type": "anything", "payload": 1, "context": []}, "$.context", id="context is a list"),
        pytest.param(
            "/jobs", {"type": "anything", "payload": 1, "context": {"a": "b" * 4096}}, "$.context", id="large context"
        ),
        pytest.param("/generate_assessment", {"text": ""}, "$.text", id="own route: too short"),
        pytest.param(
            "/generate_assessment", {"text": "a", "questions": 1.5}, "$.questions", id="own route: wrong type"
        ),
        pytest.param("/generate_assessment", "text", "$", id="own route: no object"),
    ],
)
def test_a_body_that_does_not_fit(deployment: Deployment, path: str, body: Any, where: str) -> None:
    document = refused(deployment, lambda: deployment.post(path, body), 422, "invalid_payload")
    assert document["path"] == where


def test_managed_tells_the_path_in_its_message(deployment: Deployment) -> None:
    answer = deployment.post("/v1/api/jobs", {"type": "document_processing", "payload": {"text": 1}})
    assert answer.status_code == 422
    assert "$.payload.text" in check("managed-refusal", answer.content)["error"]["message"]


def test_a_body_that_says_it_is_too_large(deployment: Deployment) -> None:
    body = ordered(json.dumps("a" * 262_144))
    refused(deployment, lambda: post_raw(deployment, body), 413, "payload_too_large")


def test_a_chunked_body_that_is_too_large(deployment: Deployment) -> None:
    async def chunks() -> Any:
        yield b'{"type":"anything","payload":"'
        for _ in range(300):
            yield b"a" * 1024

    def call() -> httpx.Response:
        return deployment.request("POST", "/jobs", content=chunks(), headers={"content-type": "application/json"})

    refused(deployment, call, 413, "payload_too_large")


def test_a_body_of_just_the_limit_is_taken(deployment: Deployment) -> None:
    frame = len(ordered('""'))
    assert post_raw(deployment, ordered(json.dumps("a" * (262_144 - frame)))).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"content_type": "text/plain"}, id="text"),
        pytest.param({"content_type": "application/x-www-form-urlencoded"}, id="a form"),
        pytest.param({"content_type": "application/problem+json"}, id="some other json"),
        pytest.param({"content_type": ""}, id="none"),
        pytest.param({"content_encoding": "gzip"}, id="compressed"),
    ],
)
def test_another_media_type(deployment: Deployment, headers: dict[str, str]) -> None:
    refused(deployment, lambda: post_raw(deployment, ordered("1"), **headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;a=b"])
def test_json_by_another_spelling_is_taken(deployment: Deployment, media_type: str) -> None:
    assert post_raw(deployment, ordered("1"), content_type=media_type).status_code == 202


@pytest.mark.parametrize("name", ["os.system", "service.execution.run", "", "x" * 1000, "a\nb"])
def test_an_unknown_type(deployment: Deployment, name: str) -> None:
    refused(deployment, lambda: deployment.post("/jobs", {"type": name, "payload": 1}), 404, "unknown_job_type")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nothing"), ("GET", "/jobs/"), ("POST", "/jobs/a/b/c"), ("GET", "//"), ("GET", "/JOBS")],
)
def test_an_unknown_route(deployment: Deployment, method: str, path: str) -> None:
    refused(deployment, lambda: deployment.request(method, path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", "GET, HEAD, POST"),
        ("PATCH", "/jobs/abc", "DELETE, GET, HEAD"),
        ("POST", "/job_status", "GET, HEAD"),
        ("GET", "/generate_assessment", "POST"),
        ("OPTIONS", "/jobs", "GET, HEAD, POST"),
        ("GET", "/jobs/abc/cancel", "POST"),
    ],
)
def test_an_unknown_method(deployment: Deployment, method: str, path: str, allowed: str) -> None:
    refused(deployment, lambda: deployment.request(method, path), 405, "method_not_allowed")
    assert deployment.request(method, path).headers["allow"] == allowed


def test_no_credentials(guarded: Deployment) -> None:
    document = refused(
        guarded, lambda: guarded.post("/jobs", {"type": "anything", "payload": 1}), 401, "unauthenticated"
    )
    assert "token" in document["detail"]
    assert guarded.get("/jobs/abc").headers["www-authenticate"] == "Bearer"


def test_a_bad_token(guarded: Deployment) -> None:
    refused(guarded, lambda: guarded.get("/jobs/abc", authorization="Bearer a.b.c"), 401, "invalid_token")
    challenge = guarded.get("/jobs/abc", authorization="Bearer a.b.c").headers["www-authenticate"]
    assert 'error="invalid_token"' in challenge


def test_an_idempotency_key_with_another_body(deployment: Deployment) -> None:
    deployment.post("/jobs", {"type": "anything", "payload": 1}, idempotency_key='"k"')
    refused(
        deployment,
        lambda: deployment.post("/jobs", {"type": "anything", "payload": 2}, idempotency_key='"k"'),
        422,
        "idempotency_key_reused",
    )


@pytest.mark.parametrize(
    "key",
    [
        pytest.param('""', id="empty"),
        pytest.param(f'"{"a" * 256}"', id="too long"),
        pytest.param("two words", id="bare with a space"),
        pytest.param('"open', id="not closed"),
        pytest.param('"a\\b"', id="a stray escape"),
        pytest.param('"\u00e9"', id="beyond ASCII"),
    ],
)
def test_a_malformed_idempotency_key(deployment: Deployment, key: str) -> None:
    refused(
        deployment,
        lambda: post_raw(deployment, ordered("1"), **{"idempotency_key": key.encode()}),  # type: ignore[arg-type]
        400,
        "invalid_parameter",
    )


def test_cancel_of_an_ended_job(deployment: Deployment) -> None:
    job_id = deployment.submit()
    deployment.succeed(job_id)
    document = refused(deployment, lambda: deployment.post(f"/jobs/{job_id}/cancel"), 409, "wrong_state")
    assert document["state"] == "succeeded"


def test_rerun_and_delete_of_a_live_job(deployment: Deployment) -> None:
    job_id = deployment.submit()
    rerun = refused(deployment, lambda: deployment.post(f"/jobs/{job_id}/rerun"), 409, "wrong_state")
    delete = refused(deployment, lambda: deployment.request("DELETE", f"/jobs/{job_id}"), 409, "wrong_state")
    assert rerun["state"] == delete["state"] == "queued"


def test_the_result_of_a_job_that_has_none(deployment: Deployment) -> None:
    job_id = deployment.submit()
    refused(deployment, lambda: deployment.get(f"/jobs/{job_id}/result"), 409, "wrong_state")
    assert deployment.get(f"/jobs/{job_id}/result").headers["retry-after"] == "1"
    deployment.fail(job_id)
    document = refused(deployment, lambda: deployment.get(f"/jobs/{job_id}/result"), 409, "wrong_state")
    assert (document["state"], document["detail"]) == ("failed", "It broke.")


def test_a_full_queue(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, max_queue_depth=1))
    deployment.submit()

    def call() -> httpx.Response:
        return deployment.post("/jobs", {"type": "anything", "payload": 1})

    refused(deployment, call, 503, "queue_full")
    assert int(call().headers["retry-after"]) >= 1
    deployment.close()


def test_redis_out_of_memory(deployment: Deployment) -> None:
    deployment.redis.config_set("maxmemory-policy", "noeviction")
    deployment.redis.config_set("maxmemory", "1")
    try:
        answer = deployment.post("/jobs", {"type": "anything", "payload": 1})
    finally:
        deployment.redis.config_set("maxmemory", "0")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_full")
    assert int(answer.headers["retry-after"]) >= 1
    assert deployment.dump() == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/abc"),
        ("GET", "/job_status?job_id=abc"),
        ("GET", "/v1/api/jobs/abc"),
        ("GET", "/api/agent/jobs/abc"),
        ("GET", "/jobs"),
        ("GET", "/jobs?id=abc"),
        ("POST", "/jobs"),
        ("POST", "/jobs/abc/cancel"),
        ("POST", "/jobs/abc/rerun"),
        ("DELETE", "/jobs/abc"),
        ("GET", "/readyz"),
    ],
)
def test_redis_away(method: str, path: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        deployment = Deployment(Settings(redis_url=f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"))
        began = time.monotonic()
        answer = deployment.request(method, path, json={"type": "anything", "payload": 1} if path == "/jobs" else None)
        assert time.monotonic() - began < 1.5
        deployment.close()
    assert answer.status_code == 503
    assert "store" in answer.text
    assert int(answer.headers["retry-after"]) >= 1


def test_an_unexpected_error_says_nothing_of_itself(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    deployment = Deployment(settings, catalog=catalog_of(job_type("anything", payload_type=Any)))
    deployment.redis.set("pollable:owner:anonymous", "not a sorted set", ex=60)
    answer = deployment.get("/jobs")
    deployment.close()
    assert answer.status_code == 500
    assert check("problem", answer.content)["code"] == "internal_error"
    assert "WRONGTYPE" not in answer.text
    assert "WRONGTYPE" in caplog.text
