"""How each page spells ids, moments and keys, and which ids it takes."""

import re
from typing import Any

import pytest

from pollable import ids
from tests.contracts.published import check
from tests.contracts.working import PAGES, job_in, read, shown
from tests.http.calling import PROJECT_ID, Deployment

SECONDS, MILLISECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MOMENTS = {
    "record": (("createdAt", "startedAt", "completedAt", "updatedAt"), MILLISECONDS),
    "minimal": (("createdAt", "updatedAt"), SECONDS),
    "managed": (("createdAt", "completedAt"), SECONDS),
    "agent": (("createdAt", "updatedAt", "startedAt", "completedAt"), MILLISECONDS),
}
KEYS = {
    "plain": "status result",
    "record": "id type status result error attempts createdAt startedAt completedAt updatedAt",
    "minimal": "id type status createdAt updatedAt result error",
    "managed": "id type status progress result createdAt completedAt",
    "agent": "jobId projectId status createdAt updatedAt startedAt completedAt analysisId error errorCode",
}
ID_KEYS = {"record": "id", "minimal": "id", "managed": "id", "agent": "jobId"}
OUTSIDE: dict[str, dict[str, Any]] = {"managed": {"data": {}, "error": None}, "agent": {"data": {}}}


@pytest.mark.parametrize("page", PAGES)
def test_the_keys_come_in_the_pages_order(deployment: Deployment, page: str) -> None:
    answer = read(deployment, page, job_in(deployment, page, "succeeded"))
    assert " ".join(shown(answer)) == KEYS[page]
    if page in OUTSIDE:
        assert {**answer.json(), "data": {}} == OUTSIDE[page]


@pytest.mark.parametrize("page", [page for page in PAGES if page != "plain"])
def test_every_key_is_there_from_the_first(deployment: Deployment, page: str) -> None:
    for state in ("queued", "running", "failed"):
        assert " ".join(shown(read(deployment, page, job_in(deployment, page, state)))) == KEYS[page], state


@pytest.mark.parametrize("page", MOMENTS)
def test_moments_are_utc_with_the_pages_precision(deployment: Deployment, page: str) -> None:
    job = shown(read(deployment, page, job_in(deployment, page, "succeeded")))
    keys, pattern = MOMENTS[page]
    assert [key for key in keys if not re.fullmatch(pattern, job[key])] == []


@pytest.mark.parametrize("page", ID_KEYS)
def test_an_id_is_printed_as_the_page_has_it(deployment: Deployment, page: str) -> None:
    job_id = job_in(deployment, page, "queued")
    printed = shown(read(deployment, page, job_id))[ID_KEYS[page]]
    assert printed == (ids.as_ulid(job_id) if page in ("minimal", "managed") else job_id)


@pytest.mark.parametrize("page", PAGES)
def test_either_spelling_is_read(deployment: Deployment, page: str) -> None:
    job_id = job_in(deployment, page, "succeeded")
    first = read(deployment, page, job_id)
    for spelled in (ids.as_ulid(job_id), job_id.upper()):
        assert read(deployment, page, spelled).content == first.content


@pytest.mark.parametrize("page", ["record", "minimal", "managed"])
def test_a_body_names_the_type(deployment: Deployment, page: str) -> None:
    names = {"record": "AI_PREVIEW", "minimal": "screen_analysis", "managed": "document_processing"}
    assert shown(read(deployment, page, job_in(deployment, page, "queued")))["type"] == names[page]


def test_agent_names_the_project_of_its_route(deployment: Deployment) -> None:
    assert shown(read(deployment, "agent", job_in(deployment, "agent", "queued")))["projectId"] == PROJECT_ID


def test_a_job_of_no_project_is_none_in_agent(deployment: Deployment) -> None:
    answer = read(deployment, "agent", job_in(deployment, "record", "queued"))
    assert answer.status_code == 404
    check("agent-refusal", answer.content)


@pytest.mark.parametrize("result", [b'{"analysisId":"no uuid"}', b'{"summary":1}', b"[1]", b"null"])
def test_agent_has_no_analysis_without_its_uuid(deployment: Deployment, result: bytes) -> None:
    job_id = job_in(deployment, "agent", "queued")
    deployment.succeed(job_id, result)
    job = shown(read(deployment, "agent", job_id))
    assert (job["status"], job["analysisId"]) == ("completed", None)


@pytest.mark.parametrize("blank", ["", "%20", "%09%20", "+", "%C2%A0"])
def test_a_blank_id_is_no_job_in_plain(deployment: Deployment, blank: str) -> None:
    answer = deployment.get(f"/job_status?job_id={blank}")
    assert (answer.status_code, answer.content) == (200, b'{"status":null}')


@pytest.mark.parametrize("path", ["/job_status", "/job_status?jobid=1", "/job_status?"])
def test_a_missing_id_is_refused_in_plain(deployment: Deployment, path: str) -> None:
    answer = deployment.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize("around", ["%20{}", "{}%20", "%20{}%0A", "+{}+"])
def test_an_id_is_trimmed_in_plain(deployment: Deployment, around: str) -> None:
    job_id = job_in(deployment, "plain", "running")
    assert read(deployment, "plain", around.format(job_id)).json() == {"status": "started"}


def test_a_poll_ignores_what_it_does_not_know(deployment: Deployment) -> None:
    job_id = job_in(deployment, "plain", "running")
    assert deployment.get(f"/job_status?job_id={job_id}&_=1732577618").json() == {"status": "started"}
    assert deployment.get(f"/api/jobs/{job_id}?_=1732577618").json()["status"] == "PROCESSING"
