"""From submit to rerun: what each page answers, and when it says to ask again."""

import json

import pytest

from pollable import JobError, ids
from pollable.settings import Settings
from pollable.worker.failures import raised
from tests.contracts.published import check
from tests.contracts.working import CATALOG, ENDED, PAGES, READS, TYPES, id_in, job_in, read, shown, submit
from tests.http.calling import Deployment, catalog_of, job_type

INTERVALS = {"plain": 2, "record": 3, "minimal": 1, "managed": 5, "agent": 1}
FIRST = {"record": "PENDING", "minimal": "running", "managed": "pending", "agent": "pending"}
ACCEPTED = {"plain": "plain-submitted", "managed": "managed-accepted"}
RERUN = "/v1/api/jobs/{}/rerun"


@pytest.mark.parametrize("page", PAGES)
def test_a_submit_is_answered_as_the_page_has_it(deployment: Deployment, page: str) -> None:
    answer = submit(deployment, page)
    job = check(ACCEPTED.get(page, page), answer.content)
    job_id = id_in(answer)
    spelled = ids.as_ulid(job_id) if page in ("minimal", "managed") else job_id
    assert answer.headers["location"] == READS[page].format(spelled)
    assert answer.headers["retry-after"] == str(INTERVALS[page])
    if page == "plain":
        assert job == {"job_id": job_id}
    else:
        assert job.get("data", job)["status"] == FIRST[page]


@pytest.mark.parametrize("page", PAGES)
def test_a_live_job_says_when_to_ask_again(deployment: Deployment, page: str) -> None:
    for state in ("queued", "running"):
        assert read(deployment, page, job_in(deployment, page, state)).headers["retry-after"] == str(INTERVALS[page])


@pytest.mark.parametrize("page", PAGES)
def test_an_ended_job_says_nothing_of_asking_again(deployment: Deployment, page: str) -> None:
    for state in ENDED:
        assert "retry-after" not in read(deployment, page, job_in(deployment, page, state)).headers, state
    assert "retry-after" not in read(deployment, page, ids.new_id()).headers


@pytest.mark.parametrize("state", ["delayed", "between attempts"])
@pytest.mark.parametrize("page", PAGES)
def test_a_delayed_job_is_asked_for_again_in_30_seconds_at_most(deployment: Deployment, page: str, state: str) -> None:
    assert read(deployment, page, job_in(deployment, page, state)).headers["retry-after"] == "30"


@pytest.mark.parametrize("page", [page for page in PAGES if page != "agent"])
def test_a_job_that_is_due_sooner_is_asked_for_then(deployment: Deployment, page: str) -> None:
    job_id = deployment.submit(TYPES[page], {"text": "a"}, delay=20)
    assert 15 <= int(read(deployment, page, job_id).headers["retry-after"]) <= 20


@pytest.mark.parametrize("page", PAGES)
def test_who_has_the_body_is_told_so_without_it(deployment: Deployment, page: str) -> None:
    job_id = job_in(deployment, page, "running")
    first = read(deployment, page, job_id)
    again = read(deployment, page, job_id, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Authorization, Prefer, Accept-Encoding"
    assert read(deployment, page, job_in(deployment, page, "failed")).headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("state", ENDED)
def test_any_ended_job_is_rerun_as_a_new_one(deployment: Deployment, state: str) -> None:
    job_id = job_in(deployment, "managed", state)
    before = read(deployment, "managed", job_id).content
    answer = deployment.post(RERUN.format(job_id))
    job = check("managed-accepted", answer.content)["data"]
    assert (answer.status_code, job["status"], job["type"]) == (202, "pending", "document_processing")
    assert list(job) == ["id", "type", "status", "originalJobId", "createdAt"]
    assert (job["originalJobId"], ids.parse_id(job["id"])) == (ids.as_ulid(job_id), id_in(answer))
    assert read(deployment, "managed", job_id).content == before
    assert list(shown(read(deployment, "managed", job["id"])))[-1] == "originalJobId"


def test_a_job_that_lives_is_not_rerun(deployment: Deployment) -> None:
    answer = deployment.post(RERUN.format(job_in(deployment, "managed", "running")))
    assert (answer.status_code, check("managed-refusal", answer.content)["error"]["code"]) == (409, "wrong_state")


def test_a_job_that_is_none_is_not_rerun(deployment: Deployment) -> None:
    answer = deployment.post(RERUN.format(ids.new_id()))
    assert (answer.status_code, check("managed-refusal", answer.content)["data"]) == (404, None)


def test_a_rerun_is_held_against_the_schema_of_today(deployment: Deployment, settings: Settings) -> None:
    job_id = job_in(deployment, "managed", "failed")
    stricter = catalog_of(job_type("document_processing", envelope="managed", payload_type=dict[str, int]))
    today = Deployment(settings, catalog=stricter)
    answer = today.post(RERUN.format(job_id))
    today.close()
    error = check("managed-refusal", answer.content)["error"]
    assert (answer.status_code, error["code"]) == (422, "invalid_payload")
    assert "$" in error["message"]


def test_a_managed_job_is_cancelled_by_its_own_route(deployment: Deployment) -> None:
    job_id = job_in(deployment, "managed", "queued")
    answer = deployment.post(f"/v1/api/jobs/{job_id}/cancel")
    assert (answer.status_code, check("managed", answer.content)["data"]["status"]) == (200, "cancelled")
    assert answer.content == read(deployment, "managed", job_id).content


@pytest.mark.parametrize("page", PAGES)
def test_a_replay_says_that_it_is_one_and_how_the_job_stands(deployment: Deployment, page: str) -> None:
    first = submit(deployment, page, idempotency_key='"once"')
    assert "idempotency-replayed" not in first.headers
    deployment.succeed(id_in(first))
    again = submit(deployment, page, idempotency_key='"once"')
    assert (again.headers["idempotency-replayed"], id_in(again)) == ("true", id_in(first))
    if page != "plain":
        assert shown(again)["status"] == shown(read(deployment, page, id_in(first)))["status"]


@pytest.mark.parametrize("page", ["plain", "record", "agent"])
def test_the_text_of_a_job_error_is_told_whole(deployment: Deployment, page: str) -> None:
    told = "The source ran dry:\n  " + "drop by drop, " * 140 + "until it ended."
    job_id = id_in(submit(deployment, page))
    claim = deployment.start(job_id)
    outcome = raised(JobError("ran_dry", told), claim, catalog=CATALOG, expose=False)
    assert outcome.message == told
    deployment.fail(again := id_in(submit(deployment, page)), "ran_dry", told)
    assert shown(read(deployment, page, again))["error"] == told


@pytest.mark.parametrize("page", PAGES)
def test_an_unexpected_exception_is_told_by_its_name_alone(deployment: Deployment, page: str) -> None:
    job_id = id_in(submit(deployment, page))
    claim = deployment.start(job_id)
    outcome = raised(ZeroDivisionError("a secret"), claim, catalog=CATALOG, expose=False)
    assert (outcome.code, outcome.message) == ("exception", "The job failed: ZeroDivisionError.")
    deployment.fail(again := id_in(submit(deployment, page)), outcome.code, outcome.message)
    assert outcome.message in json.dumps(read(deployment, page, again).json())
