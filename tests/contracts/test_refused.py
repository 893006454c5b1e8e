"""What each page answers to a request that it does not grant: in words of its own, whatever the reason."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from pollable import ids
from pollable.settings import Settings
from tests.contracts.published import check
from tests.contracts.working import CATALOG, PAGES, SUBMITS, TYPES, id_in, job_in, read, submit
from tests.http.calling import PROJECT_ID, Deployment
from tests.http.refusing import post_raw

SECRET = "a secret that is long enough for HS256"
QUOTAS = {"quota_polls": 1, "quota_writes": 1}
WORDED = ("record", "minimal", "managed", "agent")


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET), catalog=CATALOG)
    yield running
    running.close()


def refused(page: str, answer: httpx.Response, status: int, code: str) -> Any:
    """The body, which is the page's: with the code, but in `agent`, which has no more than a text."""
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    if page == "managed":
        check("managed-refusal", answer.content)
        assert body["error"]["code"] == code
    elif page == "agent":
        check("agent-refusal", answer.content)
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        keys = {"type", "title", "detail", "code"} | ({"status"} if page != "plain" else set())
        assert (body["code"], keys - set(body), body.get("status")) == (
            code,
            set(),
            status if "status" in keys else None,
        )
    return body


@pytest.mark.parametrize("page", WORDED)
def test_no_such_job_is_a_404(deployment: Deployment, page: str) -> None:
    refused(page, read(deployment, page, ids.new_id()), 404, "job_not_found")
    refused(page, read(deployment, page, "no-id-of-ours"), 404, "job_not_found")


@pytest.mark.parametrize("job_id", [ids.as_ulid("01a201da-f176-747a-ae0d-6318d7ea3dd2"), "no-id-of-ours", "%00"])
def test_no_such_job_is_null_in_plain(deployment: Deployment, job_id: str) -> None:
    answer = read(deployment, "plain", job_id)
    assert (answer.status_code, answer.content) == (200, b'{"status":null}')


@pytest.mark.parametrize("page", PAGES)
def test_a_job_that_is_gone_is_none(deployment: Deployment, page: str) -> None:
    job_id = job_in(deployment, page, "succeeded")
    assert deployment.request("DELETE", f"/jobs/{job_id}").status_code == 204
    gone, never_was = read(deployment, page, job_id), read(deployment, page, ids.new_id())
    assert (gone.status_code, gone.content) == (never_was.status_code, never_was.content)


@pytest.mark.parametrize("page", PAGES)
def test_a_token_is_asked_for(guarded: Deployment, page: str) -> None:
    answer = read(guarded, page, ids.new_id())
    refused(page, answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("page", PAGES)
def test_a_token_that_proves_nothing_is_refused(guarded: Deployment, page: str) -> None:
    answer = read(guarded, page, ids.new_id(), authorization="Bearer a.b.c")
    refused(page, answer, 401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("page", PAGES)
def test_one_poll_too_many_is_a_429(settings: Settings, page: str) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, **QUOTAS), catalog=CATALOG)
    read(deployment, page, ids.new_id())
    answer = read(deployment, page, ids.new_id())
    deployment.close()
    refused(page, answer, 429, "quota_exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize("page", PAGES)
def test_a_payload_that_does_not_fit_is_told_with_its_path(deployment: Deployment, page: str) -> None:
    wrong = {"text": "a", "questions": "five"}
    body = {"type": TYPES[page], "payload": wrong} if page == "managed" else wrong
    answer = deployment.post(SUBMITS[page], body)
    refused(page, answer, 422, "invalid_payload")
    assert "questions" in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_a_body_that_is_no_json_is_refused(deployment: Deployment, page: str) -> None:
    refused(page, post_raw(deployment, b'{"text":', path=SUBMITS[page]), 400, "invalid_json")


@pytest.mark.parametrize("page", PAGES)
def test_a_byte_order_mark_before_json_is_taken(deployment: Deployment, page: str) -> None:
    order = '{"type":"document_processing","payload":{"text":"a"}}' if page == "managed" else '{"text":"a"}'
    answer = post_raw(deployment, b"\xef\xbb\xbf" + order.encode(), path=SUBMITS[page])
    assert answer.status_code == 202, answer.text
    assert read(deployment, page, id_in(answer)).status_code == 200


@pytest.mark.parametrize("rest", ["/", "/jobs/", "/jobs/a/", "/jobs/a/b", "/jobs/a/rerun/c", "/nothing"])
@pytest.mark.parametrize(("page", "prefix"), [("managed", "/v1/api"), ("agent", "/api/agent")])
def test_an_unknown_path_is_refused_in_the_words_of_its_prefix(
    deployment: Deployment, page: str, prefix: str, rest: str
) -> None:
    refused(page, deployment.get(prefix + rest), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/jobs/", "/api/jobs/a/b", "/api/v1/jobs/", "/api/v1/nothing", "/v1/apis/jobs"])
def test_an_unknown_path_elsewhere_is_a_problem(deployment: Deployment, path: str) -> None:
    refused("record", deployment.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("page", "path"),
    [("record", "/api/jobs/a"), ("minimal", "/api/v1/jobs/a"), ("managed", "/v1/api/jobs/a"),
     ("agent", "/api/agent/jobs/a"), ("plain", "/job_status")],
)  # fmt: skip
def test_another_method_is_refused_with_those_that_are_allowed(deployment: Deployment, page: str, path: str) -> None:
    answer = deployment.request("PUT", path)
    refused(page, answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("project", ["p1", "7b1c6f0e"])
def test_a_project_without_a_uuid_is_refused(deployment: Deployment, project: str) -> None:
    answer = deployment.post(SUBMITS["agent"].replace(PROJECT_ID, project), {"text": "a"})
    refused("agent", answer, 400, "invalid_parameter")


def test_agent_lets_in_120_polls_in_a_minute_and_no_more(deployment: Deployment) -> None:
    job_id = job_in(deployment, "agent", "queued")
    statuses = [read(deployment, "agent", job_id).status_code for _ in range(123)]
    assert statuses == [200] * 120 + [429] * 3


def test_agent_lets_in_20_writes_in_a_minute_beside_the_polls(deployment: Deployment) -> None:
    job_ids = [id_in(submit(deployment, "agent")) for _ in range(20)]
    answer = deployment.post(SUBMITS["agent"], {"text": "a"})
    refused("agent", answer, 429, "quota_exceeded")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert read(deployment, "agent", job_ids[0]).status_code == 200


def test_agent_says_with_each_poll_how_many_are_left(deployment: Deployment) -> None:
    job_id = job_in(deployment, "agent", "queued")
    for left in (119, 118):
        headers = read(deployment, "agent", job_id).headers
        assert headers["ratelimit-policy"] == '"polls";q=120;w=60'
        assert headers["ratelimit"].startswith(f'"polls";r={left};t=')


@pytest.mark.parametrize("page", [page for page in PAGES if page != "agent"])
def test_other_pages_have_no_limit_unless_one_is_set(deployment: Deployment, page: str) -> None:
    job_id = job_in(deployment, page, "queued")
    answers = [read(deployment, page, job_id) for _ in range(125)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[0].headers
