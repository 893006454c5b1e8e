"""What the path of a submit says of a job is the server's word: nobody writes it into a body."""

from contextlib import closing

import pytest
from jsonschema import Draft202012Validator

from pollable.settings import Settings
from tests.contracts.published import check
from tests.http.calling import PROJECT_ID, Deployment, catalog_of, job_type

ROUTE = "/api/agent/projects/{projectId}/audit-analysis/async"
ANOTHERS = "00000000-0000-4000-8000-000000000000"
UNIVERSAL = ["/jobs", "/v1/api/jobs"]


@pytest.mark.parametrize("path", UNIVERSAL)
@pytest.mark.parametrize("name", ["audit_analysis", "of_a_tenant", "of_two"])
def test_a_type_whose_path_says_whose_it_is_has_no_other_door(settings: Settings, path: str, name: str) -> None:
    types = [
        job_type("audit_analysis", submit=ROUTE, envelope="agent"),
        job_type("of_a_tenant", submit="/tenants/{tenant}/reports"),
        job_type("of_two", submit="/a/{one:int}/b/{two}", envelope="managed"),
    ]
    submit = next(each.submit for each in types if each.name == name)
    with closing(Deployment(settings, catalog=catalog_of(*types))) as deployment:
        answer = deployment.post(path, {"type": name, "payload": {"text": "a"}})
        assert answer.status_code == 422
        told = answer.json()["error"] if path != "/jobs" else check("problem", answer.content)
        assert (told["code"], told.get("path", "$.type")) == ("invalid_payload", "$.type")
        assert f"POST {submit}" in answer.text
        assert not list(deployment.redis.scan_iter("rq:pollable:job:*"))


@pytest.mark.parametrize("path", UNIVERSAL)
def test_a_type_with_a_plain_path_may_come_either_way(deployment: Deployment, path: str) -> None:
    assert deployment.post(path, {"type": "generate_assessment", "payload": {"text": "a"}}).status_code == 202
    assert deployment.post("/generate_assessment", {"text": "a"}).status_code == 202


@pytest.mark.parametrize("member", ["context", "projectId", "owner", "original_id", "originalJobId"])
@pytest.mark.parametrize("path", UNIVERSAL)
def test_no_body_brings_a_context(deployment: Deployment, path: str, member: str) -> None:
    order = {"type": "anything", "payload": 1, member: {"projectId": PROJECT_ID}}
    answer = deployment.post(path, order)
    assert answer.status_code == 422
    assert not list(deployment.redis.scan_iter("rq:pollable:job:*"))


def test_what_stands_in_a_payload_is_no_context(deployment: Deployment) -> None:
    job_id = deployment.submit("anything", {"projectId": PROJECT_ID, "context": {"projectId": PROJECT_ID}})
    assert deployment.get(f"/jobs/{job_id}").json()["context"] == {}
    assert deployment.get(f"/api/agent/jobs/{job_id}").status_code == 404
    # The control: with a context it is there.
    placed = deployment.submit("anything", 1, project=PROJECT_ID)
    assert deployment.get(f"/api/agent/jobs/{placed}").json()["data"]["projectId"] == PROJECT_ID


@pytest.mark.parametrize("path", ["/jobs/{id}/rerun", "/v1/api/jobs/{id}/rerun"])
def test_a_rerun_keeps_what_the_path_said(deployment: Deployment, path: str) -> None:
    accepted = deployment.post(ROUTE.format(projectId=PROJECT_ID), {"text": "a"}).json()["data"]
    deployment.fail(accepted["jobId"])
    body = {"context": {"projectId": ANOTHERS}, "projectId": ANOTHERS}
    answer = deployment.post(path.format(id=accepted["jobId"]), body)
    assert answer.status_code == 202
    again = deployment.get(answer.headers["location"]).json()
    new_id = again.get("data", again)["id"]
    assert deployment.get(f"/jobs/{new_id}").json()["context"] == {"projectId": PROJECT_ID}


def test_the_description_has_no_body_that_is_always_refused(deployment: Deployment) -> None:
    document = deployment.get("/openapi.json").json()
    for path in UNIVERSAL:
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**body, "components": document["components"]})
        assert not validator.is_valid({"type": "audit_analysis", "payload": {"text": "a"}})
        assert validator.is_valid({"type": "generate_assessment", "payload": {"text": "a"}})
    assert ROUTE in document["paths"]


@pytest.mark.parametrize("types", [[], ["audit_analysis"]], ids=["none", "of paths alone"])
def test_a_universal_submit_that_no_type_comes_by_is_described_all_the_same(
    settings: Settings, types: list[str]
) -> None:
    catalog = catalog_of(*(job_type(name, submit=ROUTE, envelope="agent") for name in types))
    with closing(Deployment(settings, catalog=catalog)) as deployment:
        assert "requestBody" not in deployment.get("/openapi.json").json()["paths"]["/jobs"]["post"]
