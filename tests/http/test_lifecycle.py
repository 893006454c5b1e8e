"""What can be done with a job, over HTTP."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from pollable import ids
from pollable.settings import ENVELOPES
from tests.contracts.published import check
from tests.http.calling import ANALYSIS_ID, PROJECT_ID, Deployment

SUBMITS = {
    "plain": "/generate_assessment",
    "record": "/api/admin/prompts/preview",
    "minimal": "/api/v1/analysis/screen",
    "agent": f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async",
}
READS = {
    "plain": "/job_status?job_id={id}",
    "record": "/api/jobs/{id}",
    "minimal": "/api/v1/jobs/{id}",
    "managed": "/v1/api/jobs/{id}",
    "agent": "/api/agent/jobs/{id}",
    "native": "/jobs/{id}",
}


def read(deployment: Deployment, name: str, job_id: str) -> str:
    return deployment.get(READS[name].format(id=job_id)).text


@pytest.mark.parametrize(("name", "words"), [
    ("plain", ["queued", "started", "finished"]),
    ("record", ["PENDING", "PROCESSING", "COMPLETED"]),
    ("minimal", ["running", "running", "succeeded"]),
    ("agent", ["pending", "processing", "completed"]),
])  # fmt: skip
def test_a_job_of_its_own_route_is_followed_to_its_end(deployment: Deployment, name: str, words: list[str]) -> None:
    accepted = deployment.post(SUBMITS[name], {"text": "Leaves are green."})
    assert accepted.status_code == 202
    check("plain-submitted" if name == "plain" else name, accepted.content)
    where = accepted.headers["location"]
    job_id = ids.parse_id(where.rpartition("=" if name == "plain" else "/")[2])
    assert job_id is not None
    seen = [check(name, deployment.get(where).content)]
    claim = deployment.start(job_id)
    seen.append(check(name, deployment.get(where).content))
    deployment.end(claim, b'{"analysisId":"%s"}' % ANALYSIS_ID.encode())
    seen.append(check(name, deployment.get(where).content))
    assert [each.get("data", each)["status"] for each in seen] == words


def test_a_managed_job_is_submitted_by_its_type(deployment: Deployment) -> None:
    accepted = deployment.post("/v1/api/jobs", {"type": "document_processing", "payload": {"text": "a"}})
    assert accepted.status_code == 202
    data = check("managed-accepted", accepted.content)["data"]
    assert data["status"] == "pending"
    assert accepted.headers["location"] == f"/v1/api/jobs/{data['id']}"
    assert accepted.headers["retry-after"] == "5"


@pytest.mark.parametrize("name", ENVELOPES)
def test_any_job_is_read_through_every_envelope(deployment: Deployment, name: str) -> None:
    job_id = deployment.submit(project=PROJECT_ID)
    check(name, read(deployment, name, job_id).encode())
    deployment.succeed(job_id)
    check(name, read(deployment, name, job_id).encode())


@pytest.mark.parametrize("name", ENVELOPES)
def test_either_spelling_of_an_id_is_read(deployment: Deployment, name: str) -> None:
    job_id = deployment.submit(project=PROJECT_ID)
    assert read(deployment, name, job_id) == read(deployment, name, ids.as_ulid(job_id))
    assert read(deployment, name, job_id) == read(deployment, name, job_id.upper())


@pytest.mark.parametrize("name", ENVELOPES)
def test_missing_and_malformed_ids_are_the_same_answer(deployment: Deployment, name: str) -> None:
    answers = [
        deployment.get(READS[name].format(id=job_id))
        for job_id in (ids.new_id(), ids.as_ulid(ids.new_id()), "abc", "a:b", "a%20b", "%00", "a" * 5000, "%ED%A0%80")
    ]
    first = answers[0]
    for answer in answers:
        assert (answer.status_code, answer.content) == (first.status_code, first.content)
        assert _comparable(answer.headers) == _comparable(first.headers)


def test_agent_does_not_know_a_job_without_a_project(deployment: Deployment) -> None:
    job_id = deployment.submit()
    missing = deployment.get(READS["agent"].format(id=ids.new_id()))
    found = deployment.get(READS["agent"].format(id=job_id))
    assert (found.status_code, found.content) == (missing.status_code, missing.content) == (404, found.content)
    check("agent-refusal", found.content)


def test_a_project_must_have_a_uuid(deployment: Deployment) -> None:
    answer = deployment.post("/api/agent/projects/p1/audit-analysis/async", {"text": "a"})
    assert answer.status_code == 400
    check("agent-refusal", answer.content)


def test_path_parameters_become_the_context(deployment: Deployment) -> None:
    job_id = deployment.post(SUBMITS["agent"], {"text": "a"}).json()["data"]["jobId"]
    assert json.loads(read(deployment, "native", job_id))["context"] == {"projectId": PROJECT_ID}


def test_a_missing_id_is_asked_for(deployment: Deployment) -> None:
    for path in ("/job_status", "/job_status?jobid=1"):
        answer = deployment.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    for path in ("/job_status?job_id=", "/job_status?job_id=%20%09"):
        assert deployment.get(path).text == '{"status":null}'


def test_an_expired_job_is_410_in_native_and_unknown_elsewhere(deployment: Deployment) -> None:
    job_id = deployment.submit(project=PROJECT_ID)
    deployment.succeed(job_id)
    assert deployment.request("DELETE", f"/jobs/{job_id}").status_code == 204
    assert deployment.get(f"/jobs/{job_id}").status_code == 410
    assert deployment.get(f"/jobs/{ids.new_id()}").status_code == 404
    assert read(deployment, "plain", job_id) == '{"status":null}'
    for name in ("record", "minimal", "managed", "agent"):
        assert deployment.get(READS[name].format(id=job_id)).status_code == 404


def test_a_queued_job_is_cancelled(deployment: Deployment) -> None:
    job_id = deployment.submit()
    answer = deployment.post(f"/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert read(deployment, "plain", job_id) == '{"status":"failed","error":"The job was cancelled."}'


def test_a_running_job_is_asked_to_stop(deployment: Deployment) -> None:
    job_id = deployment.submit()
    deployment.start(job_id)
    answer = deployment.post(f"/v1/api/jobs/{ids.as_ulid(job_id)}/cancel")
    assert (answer.status_code, check("managed", answer.content)["data"]["status"]) == (202, "running")


@pytest.mark.parametrize("path", ["/jobs/{}/rerun", "/v1/api/jobs/{}/rerun"])
def test_a_rerun_is_a_new_job_of_the_same_payload(deployment: Deployment, path: str) -> None:
    job_id = deployment.submit("generate_assessment", {"text": "a"})
    deployment.fail(job_id)
    before = read(deployment, "native", job_id)
    answer = deployment.post(path.format(job_id))
    assert answer.status_code == 202
    again = deployment.get(answer.headers["location"]).json()
    again = again.get("data", again)
    assert ids.parse_id(again["originalJobId"]) == job_id
    assert again["type"] == "generate_assessment"
    assert read(deployment, "native", job_id) == before
    new_id = ids.parse_id(again["id"])
    assert new_id not in (None, job_id)
    assert deployment.start(str(new_id)).payload == b'{"text":"a"}'


@pytest.mark.parametrize("path", ["/jobs/{}/rerun", "/v1/api/jobs/{}/rerun"])
def test_a_rerun_whose_answer_was_lost_can_be_asked_for_again(deployment: Deployment, path: str) -> None:
    one, other = (deployment.submit("generate_assessment", {"text": "a"}) for _ in range(2))
    deployment.fail(one)
    deployment.fail(other)
    first, second = (deployment.post(path.format(one), idempotency_key='"again"') for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    # The same payload, but of another job.
    assert deployment.post(path.format(other), idempotency_key='"again"').status_code == 422


def test_a_result_is_answered_as_it_was_stored(deployment: Deployment) -> None:
    job_id = deployment.submit()
    deployment.succeed(job_id, b'{"a" :  1.0}')
    answer = deployment.get(f"/jobs/{job_id}/result")
    assert (answer.status_code, answer.content) == (200, b'{"a" :  1.0}')
    assert b'"result":{"a" :  1.0}' in deployment.get(f"/jobs/{job_id}").content


def test_the_list_is_newest_first_in_pages(deployment: Deployment) -> None:
    submitted = [deployment.submit() for _ in range(5)]
    seen: list[str] = []
    where = "/jobs?limit=2"
    while where:
        page = deployment.get(where).json()
        seen += [job["id"] for job in page["jobs"]]
        where = f"/jobs?limit=2&cursor={page['cursor']}" if page["cursor"] else ""
    assert seen == submitted[::-1]


def test_the_list_is_filtered(deployment: Deployment) -> None:
    waiting, ended = deployment.submit(), deployment.submit("generate_assessment", {"text": "a"})
    deployment.succeed(ended)

    def listed(query: str) -> list[str]:
        return [job["id"] for job in deployment.get(f"/jobs?{query}").json()["jobs"]]

    assert listed("status=queued") == [waiting]
    assert listed("status=succeeded&status=failed") == [ended]
    assert listed("type=generate_assessment&status=succeeded") == [ended]
    assert listed("type=nothing") == []


def test_many_are_read_by_their_ids(deployment: Deployment) -> None:
    first, second = deployment.submit(), deployment.submit()
    deployment.succeed(second, b"[1]")
    many = deployment.get(f"/jobs?id={second}&id=nothing&id={ids.as_ulid(first)}").json()["jobs"]
    assert [many[0]["result"], many[1], many[2]["id"]] == [[1], None, first]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("limit=0", id="no limit"),
        pytest.param("limit=101", id="limit 101"),
        pytest.param("limit=x", id="no number"),
        pytest.param("limit=%C2%B2", id="superscript two"),
        pytest.param("status=done", id="unknown status"),
        pytest.param("cursor=x", id="made-up cursor"),
        pytest.param("&".join(["id=a"] * 101), id="101 ids"),
    ],
)
def test_a_list_that_cannot_be_made(deployment: Deployment, query: str) -> None:
    answer = deployment.get(f"/jobs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_a_delayed_job_is_scheduled(deployment: Deployment) -> None:
    job_id = deployment.submit(delay=3600)
    assert deployment.get(f"/jobs/{job_id}").json()["status"] == "scheduled"
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert deployment.get(f"/jobs/{deployment.submit(runAt=at)}").json()["status"] == "scheduled"
    past = deployment.submit(runAt="2020-01-01T00:00:00+02:00")
    assert deployment.get(f"/jobs/{past}").json()["status"] == "queued"


def test_a_delay_of_less_than_a_second_counts(deployment: Deployment) -> None:
    job_id = deployment.submit(delay=0.2)
    assert deployment.get(f"/jobs/{job_id}").json()["status"] == "scheduled"
    deadline = time.monotonic() + 5
    while deployment.get(f"/jobs/{job_id}").json()["status"] != "queued":
        assert time.monotonic() < deadline


def test_the_queue_is_the_callers_choice(deployment: Deployment) -> None:
    answer = deployment.post("/jobs", {"type": "anything", "payload": 1, "queue": "pollable-high"})
    assert answer.json()["queue"] == "pollable-high"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param('"k-1"', '"k-1"', id="the same"),
        pytest.param("k-1", '"k-1"', id="bare and quoted"),
        pytest.param('"a\\"b\\\\c"', '"a\\"b\\\\c"', id="escapes"),
    ],
)
def test_a_repeated_key_gives_the_same_job_as_it_now_is(deployment: Deployment, first: str, second: str) -> None:
    order = {"type": "anything", "payload": 1}
    answer = deployment.post("/jobs", order, idempotency_key=first)
    deployment.succeed(answer.json()["id"])
    again = deployment.post("/jobs", order, idempotency_key=second)
    assert (again.status_code, again.json()["status"]) == (202, "succeeded")
    assert again.json()["id"] == answer.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "retry-after" not in again.headers
    assert again.headers["location"] == answer.headers["location"]


def test_job_types_tell_their_schemas(deployment: Deployment) -> None:
    types = {each["name"]: each for each in deployment.get("/job-types").json()["jobTypes"]}
    assessment = types["generate_assessment"]
    assert (assessment["envelope"], assessment["submit"]) == ("plain", "/generate_assessment")
    assert assessment["payloadSchema"]["$defs"]["Text"]["required"] == ["text"]
    assert types["anything"]["payloadSchema"] == {}


def test_final_bytes_never_change(deployment: Deployment) -> None:
    job_id = deployment.submit()
    deployment.succeed(job_id)
    seen = {
        (answer.content, answer.headers["etag"]) for answer in (deployment.get(f"/jobs/{job_id}") for _ in range(50))
    }
    assert len(seen) == 1


def _comparable(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name not in ("x-request-id", "ratelimit")}  # type: ignore[call-overload]
