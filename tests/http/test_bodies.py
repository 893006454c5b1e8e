"""What a request's body may be: whatever else it is, is refused as agreed and leaves Redis as it was."""

import json
from typing import Any

import httpx
import pytest

from tests.contracts.published import check
from tests.http.calling import Deployment
from tests.http.refusing import ordered, post_raw, refused

INVALID_JSON = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{", id="truncated"),
    pytest.param(b"{}{}", id="two documents"),
    pytest.param(b'{"type":"anything","payload":NaN}', id="NaN"),
    pytest.param(b'{"type":"anything","payload":1e999}', id="beyond a double"),
    pytest.param(b'{"type":"anything","payload":"\xff"}', id="not UTF-8"),
    pytest.param(b'{"type":"anything","payload":"\xed\xa0\x80"}', id="an encoded surrogate"),
    pytest.param(b'{"type":"anything","payload":"\\ud800 alone"}', id="a lone surrogate"),
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
    "value",
    [
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="an encoded surrogate"),
        pytest.param(b'"\\ud800 alone"', id="a lone surrogate"),
        pytest.param(b"01", id="a leading zero"),
        pytest.param(b"[" * 20_000 + b"]" * 20_000, id="20000 deep"),
    ],
)
@pytest.mark.parametrize(
    ("path", "frame"),
    [
        pytest.param("/generate_assessment", b'{"text":"a","other":%s}', id="own route: an unknown member"),
        pytest.param("/generate_assessment", b'{"text":1,"other":%s}', id="own route: after a misfit"),
        pytest.param("/jobs", b'{"type":"generate_assessment","payload":{"text":"a","other":%s}}', id="in the payload"),
        pytest.param("/jobs", b'{"type":"generate_assessment","payload":{"text":1,"other":%s}}', id="after a misfit"),
        pytest.param("/jobs", b'{"type":"anything","payload":1,"labels":{"a":%s}}', id="in the labels"),
        pytest.param("/jobs", b'{"type":"anything","colour":1,"payload":%s}', id="after an unknown member"),
        pytest.param("/jobs", b'{"type":"nothing","payload":%s}', id="of an unknown type"),
        pytest.param("/v1/api/jobs", b'{"type":"document_processing","payload":{"text":"a","other":%s}}', id="managed"),
    ],
)
def test_what_no_schema_looks_at_is_json_too(deployment: Deployment, path: str, frame: bytes, value: bytes) -> None:
    answer = post_raw(deployment, frame % value, path=path)
    assert answer.status_code == 400, answer.text
    assert "invalid_json" in answer.text
    assert deployment.dump() == {}


def test_a_number_that_nobody_reads_may_have_any_size(deployment: Deployment) -> None:
    # RFC 8259, section 6: the grammar sets no limit.
    assert post_raw(deployment, b'{"text":"a","other":1e999}', path="/generate_assessment").status_code == 202
    assert post_raw(deployment, ordered("1e999")).status_code == 400


UNFIT = [
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
    pytest.param("/jobs", {"type": "anything", "payload": 1, "context": {}}, "$.context", id="a context"),
    pytest.param("/generate_assessment", {"text": ""}, "$.text", id="own route: too short"),
    pytest.param("/generate_assessment", {"text": "a", "questions": 1.5}, "$.questions", id="own route: wrong type"),
    pytest.param("/generate_assessment", "text", "$", id="own route: no object"),
]


@pytest.mark.parametrize(("path", "body", "where"), UNFIT)
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
