"""The API's description, and the one that `agent`'s own page publishes."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_spec_validator import validate
from starlette.applications import Starlette
from starlette.routing import Route

from pollable import ids
from pollable.envelopes.envelope import Verb
from pollable.http.verbs import ACTIONS
from pollable.settings import ENVELOPES, Settings
from tests.http.calling import ANALYSIS_ID, JOB_TYPES, PROJECT_ID, Deployment, catalog_of, job_type
from tests.http.conforming import description
from tests.http.test_lifecycle import READS, SUBMITS

AGENT = json.loads((Path(__file__).parents[1] / "contracts" / "agent-openapi.json").read_text())


def described(deployment: Deployment) -> dict[str, Any]:
    answer = deployment.get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    validate(document)
    return document


def served(app: Starlette) -> set[str]:
    # What is below /page/ belongs to our own page, goes with its release, and is nobody else's to ask for.
    return {route.path for route in app.routes if isinstance(route, Route) and not route.path.startswith("/page/")}


@pytest.mark.parametrize("on", [ENVELOPES, *((name,) for name in ENVELOPES)], ids=str)
def test_exactly_what_is_served_is_described(settings: Settings, on: tuple[str, ...]) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, envelopes=on))
    document = described(deployment)
    assert set(document["paths"]) == served(deployment.app)
    for path, operations in document["paths"].items():
        allowed = deployment.request("TRACE", path).headers["allow"].split(", ")
        assert {method.upper() for method in operations} == set(allowed) - {"HEAD"}
    deployment.close()


def test_every_verb_has_an_action() -> None:
    assert set(ACTIONS) == set(Verb)


def test_a_cancel_is_described_with_both_its_answers(deployment: Deployment) -> None:
    waiting, running = deployment.submit(), deployment.submit()
    deployment.start(running)
    for path in ("/jobs/{id}/cancel", "/v1/api/jobs/{id}/cancel"):
        assert {"200", "202"} < set(described(deployment)["paths"][path]["post"]["responses"])
    for job_id, status in ((waiting, "200"), (running, "202")):
        answer = deployment.post(f"/jobs/{job_id}/cancel")
        assert str(answer.status_code) == status
        schema = response_schema(described(deployment), "post", "/jobs/{id}/cancel", status)
        Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_live_read_is_as_described(deployment: Deployment, name: str) -> None:
    job_id = deployment.submit(project=PROJECT_ID)
    deployment.succeed(job_id)
    path = READS[name].partition("?")[0]
    schema = response_schema(described(deployment), "get", path, "200")
    Draft202012Validator(schema).validate(deployment.get(READS[name].format(id=job_id)).json())


@pytest.mark.parametrize("name", SUBMITS)
def test_a_live_submit_is_as_described(deployment: Deployment, name: str) -> None:
    path = SUBMITS[name].replace(PROJECT_ID, "{projectId}")
    schema = response_schema(described(deployment), "post", path, "202")
    Draft202012Validator(schema).validate(deployment.post(SUBMITS[name], {"text": "a"}).json())


@pytest.mark.parametrize("path", ["/jobs/{id}", "/v1/api/jobs/{id}", "/api/agent/jobs/{id}"])
def test_a_live_refusal_is_as_described(deployment: Deployment, path: str) -> None:
    schema = response_schema(described(deployment), "get", path, "404")
    Draft202012Validator(schema).validate(deployment.get(path.format(id="nothing")).json())


def test_a_payload_is_described_by_its_types_annotation(deployment: Deployment) -> None:
    document = described(deployment)
    body = document["paths"]["/generate_assessment"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/GenerateAssessmentPayload"}
    assert document["components"]["schemas"]["GenerateAssessmentPayload"]["required"] == ["text"]


def test_a_submit_is_described_type_by_type(deployment: Deployment) -> None:
    document = described(deployment)
    for path in ("/jobs", "/v1/api/jobs"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**body, "components": document["components"]})
        assert validator.is_valid({"type": "AI_PREVIEW", "payload": {"text": "a"}})
        assert not validator.is_valid({"type": "AI_PREVIEW", "payload": {"text": ""}})
        assert not validator.is_valid({"type": "nothing", "payload": {"text": "a"}})
    due = {"type": "AI_PREVIEW", "payload": {"text": "a"}, "delay": 5, "runAt": "2027-01-01T00:00:00Z"}
    body = document["paths"]["/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**body, "components": document["components"]})
    assert not validator.is_valid(due)
    assert validator.is_valid({**due, "delay": None})
    assert not validator.is_valid({**due, "delay": None, "queue": "nobodys"})


def test_a_token_is_asked_for_where_one_is_needed(settings: Settings) -> None:
    guarded = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret="s" * 64, public_docs=True))
    paths = described(guarded)["paths"]
    guarded.close()
    assert paths["/jobs"]["post"]["security"] == [{"bearer": ["jobs:write"]}]
    assert paths["/jobs"]["get"]["security"] == [{"bearer": ["jobs:read"]}]
    assert "security" not in paths["/healthz"]["get"]


@pytest.mark.parametrize(
    ("changed", "status", "where"),
    [
        pytest.param({"auth": ("jwt",), "jwt_secret": "s" * 64}, "401", "native.read", id="tokens"),
        pytest.param({"quota_reads": 5}, "429", "native.list", id="a quota"),
        pytest.param({"hosts": ("pollable.test",)}, "421", "native.read", id="hosts"),
    ],
)
def test_a_setting_adds_what_it_refuses(settings: Settings, changed: dict[str, Any], status: str, where: str) -> None:
    without = msgspec.structs.replace(settings, hosts=("*",))
    assert status not in responses(without, where)
    assert status in responses(msgspec.structs.replace(without, **changed), where)


def test_an_owner_without_bounds_is_never_full(settings: Settings) -> None:
    assert "429" in responses(settings, "native.submit")
    unbounded = msgspec.structs.replace(settings, owner_max_jobs=0, owner_max_bytes=0)
    assert "429" not in responses(unbounded, "native.submit")


def test_keys_that_are_fetched_may_be_missing(settings: Settings) -> None:
    fetched = msgspec.structs.replace(settings, auth=("jwt",), jwks_url="https://issuer.test/keys", jwt_issuer="x")
    assert "ProblemKeysUnavailable" in str(responses(fetched, "native.read")["503"])
    secret = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret="s" * 64)
    assert "ProblemKeysUnavailable" not in str(responses(secret, "native.read")["503"])


def test_other_codes_jobs_return_what_they_like(settings: Settings) -> None:
    types = catalog_of(job_type("one", result_type=int), job_type("two", result_type=list[str]))
    for foreign, schema in (("off", ["OneResult", "TwoResult"]), ("read", [])):
        told = description(msgspec.structs.replace(settings, foreign_jobs=foreign), types).told
        body = told["paths"]["/jobs/{id}/result"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert [each["$ref"].rpartition("/")[2] for each in body.get("anyOf", [])] == schema
        assert told["components"]["schemas"]["OneResult"] == {"type": "integer"}


def test_what_is_turned_off_is_not_described(settings: Settings) -> None:
    told = description(
        msgspec.structs.replace(settings, page=False, envelopes=("native",)), catalog_of(*JOB_TYPES)
    ).told
    assert "/" not in told["paths"]
    assert {"/docs", "/client.js", "/client.d.ts"} < set(told["paths"])
    assert not [name for name in told["components"]["schemas"] if name.startswith(("Managed", "Plain", "Agent"))]


def responses(settings: Settings, name: str) -> dict[str, Any]:
    described = description(settings, catalog_of(*JOB_TYPES))
    (found,) = (each for _, _, each in described.operations() if each["operationId"] == name)
    told: dict[str, Any] = found["responses"]
    return told


def response_schema(document: dict[str, Any], method: str, path: str, status: str) -> dict[str, Any]:
    (content,) = document["paths"][path][method]["responses"][status]["content"].values()
    return {**content["schema"], "components": document["components"]}


def conforms(answer: httpx.Response) -> None:
    request = MockRequest("http://pollable.test", "get", answer.request.url.path)
    response = MockResponse(answer.content, answer.status_code, dict(answer.headers), answer.headers["content-type"])
    OpenAPI.from_dict(AGENT).validate_response(request, response)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # openapi-core's own
def test_agent_answers_as_its_page_has_it(deployment: Deployment) -> None:
    job_id = deployment.submit(project=PROJECT_ID)
    path = f"/api/agent/jobs/{job_id}"
    conforms(deployment.get(path))
    claim = deployment.start(job_id)
    conforms(deployment.get(path))
    deployment.end(claim, json.dumps({"analysisId": ANALYSIS_ID}).encode())
    conforms(deployment.get(path))
    conforms(deployment.get(f"/api/agent/jobs/{ids.new_id()}"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # openapi-core's own
def test_agent_refuses_as_its_page_has_it(settings: Settings) -> None:
    guarded = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret="s" * 64))
    answer = guarded.get(f"/api/agent/jobs/{ids.new_id()}")
    assert answer.status_code == 401
    conforms(answer)
    guarded.close()
    busy = Deployment(msgspec.structs.replace(settings, quota_polls=1))
    answers = [busy.get(f"/api/agent/jobs/{ids.new_id()}") for _ in range(2)]
    assert answers[1].status_code == 429
    conforms(answers[1])
    busy.close()
