"""The headers of every answer."""

import logging

import pytest

from pollable.settings import ENVELOPES
from tests.http.calling import PROJECT_ID, Deployment
from tests.http.test_lifecycle import READS

INTERVALS = {"plain": "2", "record": "3", "minimal": "1", "managed": "5", "agent": "1", "native": "1"}


@pytest.fixture
def job_id(deployment: Deployment) -> str:
    return deployment.submit(project=PROJECT_ID)


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_read_carries_its_headers(deployment: Deployment, job_id: str, name: str) -> None:
    path = READS[name].format(id=job_id)
    live = deployment.get(path).headers
    assert live["content-type"] == "application/json"
    assert live["cache-control"] == "private, no-cache"
    assert live["vary"] == "Authorization, Prefer, Accept-Encoding"
    assert live["retry-after"] == INTERVALS[name]
    deployment.succeed(job_id)
    ended = deployment.get(path)
    assert "retry-after" not in ended.headers
    assert ended.headers["etag"] != live["etag"]
    assert ended.headers["content-length"] == str(len(ended.content))


@pytest.mark.parametrize("name", ENVELOPES)
def test_who_has_the_body_is_told_so(deployment: Deployment, job_id: str, name: str) -> None:
    path = READS[name].format(id=job_id)
    etag = deployment.get(path).headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = deployment.get(path, if_none_match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert answer.headers["retry-after"] == INTERVALS[name]
        assert "content-type" not in answer.headers
    deployment.next_second()
    claim = deployment.start(job_id)
    # `minimal` has one word for waiting and running, so nothing has changed there.
    assert deployment.get(path, if_none_match=etag).status_code == (304 if name == "minimal" else 200)
    deployment.end(claim, b"1")
    assert deployment.get(path, if_none_match=etag).status_code == 200


def test_nothing_found_in_plain_has_the_headers_of_a_read(deployment: Deployment) -> None:
    answer = deployment.get("/job_status?job_id=nothing")
    assert answer.content == b'{"status":null}'
    assert answer.headers["cache-control"] == "private, no-cache"
    assert deployment.get("/job_status?job_id=x", if_none_match=answer.headers["etag"]).status_code == 304
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("name", ENVELOPES)
def test_head_is_get_without_the_body(deployment: Deployment, job_id: str, name: str) -> None:
    path = READS[name].format(id=job_id)
    head, get = deployment.request("HEAD", path), deployment.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for field in ("etag", "content-length", "content-type", "retry-after"):
        assert head.headers[field] == get.headers[field]


def test_head_of_what_is_not_there(deployment: Deployment) -> None:
    for path in ("/jobs/nothing", "/nothing"):
        answer = deployment.request("HEAD", path)
        assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("path", ["/jobs/nothing", "/nothing", "/jobs", "/healthz", "/generate_assessment"])
def test_every_answer_is_closed_to_browsers(deployment: Deployment, path: str) -> None:
    headers = deployment.get(path, origin="https://elsewhere.example").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("request_id", ["a", "x" * 128, "0af7651916cd43dd8448eb211c80319c!~"])
def test_a_request_id_is_echoed(deployment: Deployment, request_id: str) -> None:
    assert deployment.get("/jobs/nothing", x_request_id=request_id).headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "a\tb", "\x7f"])
def test_a_request_id_that_is_not_fit_is_replaced(deployment: Deployment, request_id: str) -> None:
    made = deployment.get("/jobs/nothing", x_request_id=request_id).headers["x-request-id"]
    assert made not in ("", request_id)
    assert deployment.get("/jobs/nothing").headers["x-request-id"] != made


def test_a_request_is_logged_without_what_it_holds(deployment: Deployment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "pollable.access")
    deployment.post("/jobs?secret=query", {"type": "anything", "payload": "secret"}, authorization="Bearer secret")
    deployment.get("/a%0Ab", x_request_id="r-1")
    first, second = [record for record in caplog.records if record.name == "pollable.access"]
    assert vars(first)["status"] == 202
    assert vars(first)["path"] == "/jobs"
    assert "secret" not in str(vars(first))
    assert vars(second)["path"] == "/a%0Ab"
    assert vars(second)["request_id"] == "r-1"
    assert "\n" not in second.getMessage()


def test_a_preference_is_no_reason_to_refuse(deployment: Deployment, job_id: str) -> None:
    assert deployment.get(f"/jobs/{job_id}", prefer="wait=0, respond-async").status_code == 200


@pytest.mark.parametrize("path", ["/jobs", "/job-types"])
def test_other_reads_are_conditional_too(deployment: Deployment, path: str) -> None:
    etag = deployment.get(path).headers["etag"]
    assert deployment.get(path, if_none_match=etag).status_code == 304


@pytest.mark.parametrize(
    ("usual_ms", "seconds"), [(400, "1"), (4_000, "4"), (4_001, "5"), (30_000, "30"), (900_000, "30")]
)
def test_native_says_when_the_end_is_to_be_expected(deployment: Deployment, usual_ms: int, seconds: str) -> None:
    job_id, delayed = deployment.submit(project=PROJECT_ID), deployment.submit(delay=100)
    deployment.redis.hset("rq:pollable:durations", "anything", usual_ms)
    deployment.redis.expire("rq:pollable:durations", 60)
    told = {name: deployment.get(READS[name].format(id=job_id)).headers["retry-after"] for name in ENVELOPES}
    assert told == INTERVALS | {"native": seconds}
    assert deployment.get(f"/jobs/{delayed}").headers["retry-after"] == "100"
    deployment.succeed(job_id)
    assert "retry-after" not in deployment.get(f"/jobs/{job_id}").headers
