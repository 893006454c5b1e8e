"""Other code's jobs over HTTP: found by their own ids, and a result that cannot be read is nobody's success."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from pollable.settings import Settings
from tests.http.calling import Deployment
from tests.jobs.test_foreign_ids import IDS, UPPER, written

PATHS = {"record": "/api/jobs/{}", "minimal": "/api/v1/jobs/{}", "managed": "/v1/api/jobs/{}", "native": "/jobs/{}"}
any_id = pytest.mark.parametrize("job_id", IDS, ids=lambda job_id: ascii(job_id)[:40])


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(msgspec.structs.replace(settings, foreign_jobs="read"))
    yield running
    running.close()


def body(deployment: Deployment, path: str) -> Any:
    answer = deployment.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


@any_id
def test_every_id_is_read_from_the_query(deployment: Deployment, job_id: str) -> None:
    path = f"/job_status?job_id={quote(job_id, safe='')}"
    assert body(deployment, path) == {"status": None}
    written(deployment.redis, job_id)
    assert body(deployment, path) == {"status": "queued"}
    [found, missing] = body(deployment, f"/jobs?id={quote(job_id, safe='')}&id=none")["jobs"]
    assert (found["id"], missing) == (job_id, None)


@pytest.mark.parametrize("name", PATHS)
@any_id
def test_every_id_without_a_slash_is_read_from_the_path(deployment: Deployment, job_id: str, name: str) -> None:
    written(deployment.redis, job_id)
    answer = deployment.get(PATHS[name].format(quote(job_id, safe="")))
    if "/" in job_id:
        assert answer.status_code == 404
        assert answer.headers["content-type"] in ("application/json", "application/problem+json")
    else:
        document = answer.json()
        assert document.get("data", document)["id"] == job_id


@any_id
def test_natives_own_link_leads_to_the_job(deployment: Deployment, job_id: str) -> None:
    written(deployment.redis, job_id)
    [job] = body(deployment, f"/jobs?id={quote(job_id, safe='')}")["jobs"]
    found = body(deployment, job["links"]["self"])
    assert found.get("jobs", [found]) == [job]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("job_id=a+b", "queued"),
        ("job_id=a%20b", "queued"),
        ("x=1&job_id=a%20b", "queued"),
        ("job_id=%C3%BC", "queued"),
        ("job_id=%FC", None),
        ("job_id=a%0Ab", None),
        ("job_id=%00", None),
        ("job_id=" + "x" * 300, None),
    ],
)
def test_the_query_is_decoded_as_utf8(deployment: Deployment, query: str, status: str | None) -> None:
    for job_id in ("a b", "ü"):
        written(deployment.redis, job_id)
    assert body(deployment, f"/job_status?{query}") == {"status": status}


def test_ids_of_rqs_keep_their_spelling_in_every_envelope(deployment: Deployment) -> None:
    for job_id in (UPPER, UPPER.lower(), "job_01M80YM4Y3ESPT1FVBVRWAJHMF"):
        written(deployment.redis, job_id)
        for path in PATHS.values():
            document = body(deployment, path.format(job_id))
            assert document.get("data", document)["id"] == job_id


def finished(deployment: Deployment, job_id: str, result: str) -> None:
    written(deployment.redis, job_id, status="finished", result=result, started_at="2026-01-02T03:04:05.000000Z")


UNREADABLE = (
    "The job finished, but its result cannot be read: it is not JSON. Its queue can be given RQ's JSON serializer; "
    "or POLLABLE_FOREIGN_JOBS=read-data reads pickled results that are plain data."
)


def test_a_result_that_cannot_be_read_is_a_failure_on_the_pages(deployment: Deployment) -> None:
    finished(deployment, "r", "K*.")
    assert body(deployment, "/job_status?job_id=r") == {"status": "failed", "error": UNREADABLE}
    record = body(deployment, "/api/jobs/r")
    assert (record["status"], record["result"], record["error"]) == ("FAILED", None, UNREADABLE)
    minimal = body(deployment, "/api/v1/jobs/r")
    error = {"code": "result_unreadable", "message": UNREADABLE}
    assert (minimal["status"], minimal["result"], minimal["error"]) == ("failed", None, error)
    managed = body(deployment, "/v1/api/jobs/r")["data"]
    assert (managed["status"], managed["result"]) == ("failed", {"error": error})


def test_native_says_both(deployment: Deployment) -> None:
    finished(deployment, "r", "K*.")
    job = body(deployment, "/jobs/r")
    assert (job["status"], job["result"], job["error"]["code"]) == ("succeeded", None, "result_unreadable")
    assert job["links"]["result"] is None
    refused = deployment.get("/jobs/r/result")
    assert (refused.status_code, refused.json()["detail"]) == (409, UNREADABLE)


def test_a_result_that_rq_could_not_store_is_a_failure_everywhere(deployment: Deployment) -> None:
    finished(deployment, "r", "Unserializable return value")
    assert body(deployment, "/jobs/r")["status"] == "failed"
    assert body(deployment, "/jobs/r")["error"]["code"] == "result_unserializable"
    assert body(deployment, "/job_status?job_id=r")["status"] == "failed"


def test_a_pickled_result_is_read_as_data_where_that_is_on(settings: Settings) -> None:
    running = Deployment(msgspec.structs.replace(settings, foreign_jobs="read-data"))
    finished(running, "r", "}X\x01\x00\x00\x00aK*s.")
    assert body(running, "/job_status?job_id=r") == {"status": "finished", "result": {"a": 42}}
    assert json.loads(running.get("/jobs/r/result").content) == {"a": 42}
    running.close()


def test_what_nobody_knows_of_progress_is_null(deployment: Deployment) -> None:
    written(deployment.redis, "r", status="started", meta='{"progress": {"percent": 40, "message": "page 3"}}')
    assert body(deployment, "/jobs/r")["progress"] == {"percent": 40, "message": "page 3"}
    written(deployment.redis, "r", meta="")
    assert body(deployment, "/jobs/r")["progress"] == {"percent": None, "message": None}
    assert body(deployment, "/v1/api/jobs/r")["data"]["progress"] == 0
