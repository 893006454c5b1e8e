"""By what jobs are found, and what is told of one that waits for its next attempt."""

from typing import Any

import pytest

from pollable.settings import Settings
from tests.contracts.published import check
from tests.http.calling import Deployment, catalog_of, job_type
from tests.http.test_lifecycle import READS


def test_the_list_is_filtered_by_labels(deployment: Deployment) -> None:
    october = deployment.submit(labels={"month": "2026-10", "team": "a b"})
    deployment.submit(labels={"month": "2026-11", "team": "a b"})
    deployment.submit()

    def listed(query: str) -> list[str]:
        return [job["id"] for job in deployment.get(f"/jobs?{query}").json()["jobs"]]

    assert listed("label.month=2026-10") == [october]
    assert listed("label.team=a%20b&label.month=2026-10") == [october]
    assert len(listed("label.team=a+b")) == 2
    assert listed("label.month=") == listed("label.year=2026") == []
    assert deployment.get(f"/jobs/{october}").json()["labels"] == {"month": "2026-10", "team": "a b"}
    deployment.succeed(october)
    again = deployment.post(f"/jobs/{october}/rerun").json()
    assert again["labels"] == {"month": "2026-10", "team": "a b"}


@pytest.mark.parametrize("query", ["staus=queued", "label=x", "page=2", "limit=1&Cursor=x"])
def test_an_unknown_parameter_of_the_list_is_named(deployment: Deployment, query: str) -> None:
    answer = deployment.get(f"/jobs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert f"`{query.rpartition('&')[2].partition('=')[0]}`" in answer.json()["detail"]
    assert deployment.get(f"/jobs/{deployment.submit()}?{query}").status_code == 200, "a poll ignores it"


def test_an_empty_id_is_an_id(deployment: Deployment) -> None:
    deployment.submit()
    assert deployment.get("/jobs?id=").json() == {"jobs": [None]}


def test_a_retry_that_waits_shows_why_and_when(deployment: Deployment) -> None:
    job_id = deployment.submit("AI_PREVIEW", {"text": "a"})
    deployment.retry(job_id, delay_s=90)
    answer = deployment.get(f"/jobs/{job_id}")
    job = answer.json()
    assert (job["status"], job["attempts"], job["lastError"]) == (
        "scheduled", 1, {"code": "exception", "message": "It broke."}
    )  # fmt: skip
    assert job["runAt"] > job["createdAt"]
    assert 85 <= int(answer.headers["retry-after"]) <= 90
    assert deployment.get(READS["record"].format(id=job_id)).headers["retry-after"] == "30"


def test_a_payload_that_no_longer_fits_is_not_run_again(settings: Settings) -> None:
    before = Deployment(settings, catalog=catalog_of(job_type("shrinks", payload_type=Any)))
    job_id = before.submit("shrinks", {"text": ""})
    before.succeed(job_id)
    before.close()
    now = Deployment(settings, catalog=catalog_of(job_type("shrinks")))
    answer = now.post(f"/jobs/{job_id}/rerun")
    now.close()
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (
        422, "invalid_payload", "$.payload.text"
    )  # fmt: skip


@pytest.mark.parametrize(
    "labels", [{"": "x"}, {str(number): "x" for number in range(17)}, {"a": "b" * 4096}, {"a": 1}, ["a"]], ids=str
)
def test_labels_that_cannot_be_are_refused(deployment: Deployment, labels: Any) -> None:
    answer = deployment.post("/jobs", {"type": "anything", "payload": 1, "labels": labels})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_payload")
    assert answer.json()["path"].startswith("$.labels")


@pytest.mark.parametrize(
    ("path", "envelope"),
    [
        ("/v1/api/jobs/", "managed-refusal"),
        ("/v1/api/nothing", "managed-refusal"),
        ("/v1/api/jobs/a/b/c", "managed-refusal"),
        ("/api/agent/", "agent-refusal"),
        ("/api/agent/jobs/x/", "agent-refusal"),
        ("/api/v1/nothing", "problem"),
        ("/nothing/at/all", "problem"),
    ],
)
def test_a_path_that_there_is_not_is_refused_in_the_words_of_its_prefix(
    deployment: Deployment, path: str, envelope: str
) -> None:
    answer = deployment.get(path)
    assert answer.status_code == 404
    check(envelope, answer.content)


def test_a_byte_order_mark_is_passed_over(deployment: Deployment) -> None:
    body = b'\xef\xbb\xbf{"type":"anything","payload":1}'
    answer = deployment.request("POST", "/jobs", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 202


@pytest.mark.parametrize("query", ["id=a&status=queued", "id=a&limit=5", "label.month=5&id=a", "cursor=0_x&id=a&id=b"])
def test_ids_are_asked_alone(deployment: Deployment, query: str) -> None:
    answer = deployment.get(f"/jobs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert "`id` says which jobs" in answer.json()["detail"]


def test_a_read_of_many_passes_over_what_it_does_not_know(deployment: Deployment) -> None:
    answer = deployment.get("/jobs?id=a&_=1764115200")
    assert (answer.status_code, answer.json()) == (200, {"jobs": [None]})


@pytest.mark.parametrize("query", ["limit=5&limit=6", "cursor=a&cursor=b"])
def test_what_there_is_one_of_is_given_once(deployment: Deployment, query: str) -> None:
    answer = deployment.get(f"/jobs?{query}")
    assert answer.status_code == 400
    assert "more than once" in answer.json()["detail"]
