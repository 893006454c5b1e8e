"""The table of refusals: each answers as agreed and leaves Redis as it was."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from pollable.settings import Settings
from tests.contracts.published import check
from tests.http.calling import Deployment, catalog_of, job_type
from tests.http.refusing import ordered, post_raw, refused

SECRET = "a secret that is long enough for HS256"


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Deployment]:
    """A deployment that asks for tokens."""
    running = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    yield running
    running.close()


@pytest.mark.parametrize("name", ["os.system", "pollable.execution.run", "", "x" * 1000, "a\nb"])
def test_an_unknown_type(deployment: Deployment, name: str) -> None:
    refused(deployment, lambda: deployment.post("/jobs", {"type": name, "payload": 1}), 404, "unknown_job_type")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/jobs/"),
        ("POST", "/jobs/a/b/c"),
        ("GET", "http://pollable.test//"),
        ("GET", "/page"),
        ("GET", "/page/x.js"),
        ("GET", "/JOBS"),
    ],
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
    # That somebody read of its end is written down once.
    deployment.get(f"/jobs/{job_id}")
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
        deployment = Deployment(Settings(redis_url=f"redis://127.0.0.1:{nobody.getsockname()[1]}/0", auth="none"))
        began = time.monotonic()
        answer = deployment.request(method, path, json={"type": "anything", "payload": 1} if path == "/jobs" else None)
        assert time.monotonic() - began < 1.5
        deployment.close()
    assert answer.status_code == 503
    assert "store" in answer.text
    assert int(answer.headers["retry-after"]) >= 1


def test_an_unexpected_error_says_nothing_of_itself(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    deployment = Deployment(settings, catalog=catalog_of(job_type("anything", payload_type=Any)))
    deployment.redis.set("rq:queues", "not a set", ex=60)
    answer = deployment.post("/jobs", {"type": "anything", "payload": 1})
    deployment.close()
    assert answer.status_code == 500
    assert check("problem", answer.content)["code"] == "internal_error"
    assert "WRONGTYPE" not in answer.text
    assert "WRONGTYPE" in caplog.text
