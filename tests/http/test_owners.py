"""A job is its owner's: to everyone else it does not exist."""

import json
import time
from collections.abc import Iterator

import httpx
import jwt
import msgspec
import pytest

from pollable import ids
from pollable.model import State
from pollable.settings import ENVELOPES, Settings
from tests.contracts.published import check
from tests.http.calling import PROJECT_ID, Deployment
from tests.http.test_lifecycle import READS
from tests.keyspace import put_into_project

SECRET = "a secret that is long enough for HS256"


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    yield running
    running.close()


def bearer(subject: str, scope: str = "jobs:read jobs:write", *, lifetime_s: int = 3600) -> str:
    claims = {"sub": subject, "exp": int(time.time()) + lifetime_s, "scope": scope}
    return "Bearer " + jwt.encode(claims, SECRET, algorithm="HS256")


OWNER, STRANGER = bearer("owner"), bearer("stranger")
ADMIN = bearer("admin", "jobs:read jobs:write jobs:admin")


def submitted(deployment: Deployment, **members: object) -> str:
    answer = deployment.post("/jobs", {"type": "anything", "payload": 1, **members}, authorization=OWNER)
    assert answer.status_code == 202
    put_into_project(deployment.redis, job_id := str(answer.json()["id"]), PROJECT_ID)
    return job_id


def in_state(deployment: Deployment, state: State) -> str:
    job_id = submitted(deployment, **({"delay": 3600} if state is State.SCHEDULED else {}))
    if state is State.RUNNING:
        deployment.start(job_id)
    elif state is State.SUCCEEDED:
        deployment.succeed(job_id)
    elif state is State.FAILED:
        deployment.fail(job_id)
    elif state is State.CANCELLED:
        deployment.post(f"/jobs/{job_id}/cancel", authorization=OWNER)
    return job_id


def same(one: httpx.Response, other: httpx.Response) -> bool:
    def shown(answer: httpx.Response) -> object:
        # What is left of the caller's quota is less after each.
        own = ("x-request-id", "ratelimit")
        headers = {name: value for name, value in answer.headers.items() if name not in own}
        return answer.status_code, answer.content, headers

    return shown(one) == shown(other)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("name", ENVELOPES)
def test_a_job_is_read_by_its_owner_only(deployment: Deployment, name: str, state: State) -> None:
    job_id = in_state(deployment, state)
    path, nothing = READS[name].format(id=job_id), READS[name].format(id=ids.new_id())
    check(name, deployment.get(path, authorization=OWNER).content)
    assert json.loads(deployment.get(path, authorization=OWNER).content) != {"status": None}
    assert same(deployment.get(path, authorization=STRANGER), deployment.get(nothing, authorization=STRANGER))
    assert deployment.get(path).status_code == 401
    expired = deployment.get(path, authorization=bearer("owner", lifetime_s=-120))
    assert expired.status_code == 401
    assert "invalid_token" in expired.headers["www-authenticate"]


@pytest.mark.parametrize("state", [State.QUEUED, State.SUCCEEDED])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/jobs/{}/cancel"),
        ("POST", "/jobs/{}/rerun"),
        ("DELETE", "/jobs/{}"),
        ("GET", "/jobs/{}/result"),
        ("GET", "/jobs?id={}"),
        ("POST", "/v1/api/jobs/{}/cancel"),
        ("POST", "/v1/api/jobs/{}/rerun"),
    ],
)
def test_nothing_is_done_to_a_job_of_someone_else(deployment: Deployment, method: str, path: str, state: State) -> None:
    job_id = in_state(deployment, state)
    before = deployment.dump()
    answers = [
        deployment.request(method, path.format(wanted), headers={"authorization": STRANGER})
        for wanted in (job_id, ids.new_id(), "a:b")
    ]
    assert same(answers[0], answers[1])
    assert same(answers[0], answers[2])
    assert deployment.dump() == before


def test_a_list_holds_the_callers_own(deployment: Deployment) -> None:
    submitted(deployment)
    assert deployment.get("/jobs", authorization=STRANGER).json() == {"jobs": [], "cursor": None}
    assert len(deployment.get("/jobs", authorization=OWNER).json()["jobs"]) == 1


def test_an_idempotency_key_is_the_owners_own(deployment: Deployment) -> None:
    order = {"type": "anything", "payload": 1}
    first = deployment.post("/jobs", order, authorization=OWNER, idempotency_key='"k"')
    other = deployment.post("/jobs", order, authorization=STRANGER, idempotency_key='"k"')
    assert first.json()["id"] != other.json()["id"]


def test_an_expired_job_is_410_to_its_owner_only(deployment: Deployment) -> None:
    job_id = in_state(deployment, State.SUCCEEDED)
    deployment.request("DELETE", f"/jobs/{job_id}", headers={"authorization": OWNER})
    assert deployment.get(f"/jobs/{job_id}", authorization=OWNER).status_code == 410
    assert deployment.get(f"/jobs/{job_id}", authorization=STRANGER).status_code == 404


def test_an_admin_sees_and_changes_every_owners_jobs(deployment: Deployment) -> None:
    job_id = submitted(deployment)
    for name in ENVELOPES:
        check(name, deployment.get(READS[name].format(id=job_id), authorization=ADMIN).content)
    assert deployment.post(f"/jobs/{job_id}/cancel", authorization=ADMIN).json()["status"] == "cancelled"
    again = deployment.post(f"/jobs/{job_id}/rerun", authorization=ADMIN).json()["id"]
    assert deployment.get(f"/jobs/{again}", authorization=OWNER).status_code == 200


@pytest.mark.parametrize("first", ["the owner's rerun", "the owner's submit", "the admin's rerun"])
def test_an_admins_idempotency_keys_are_his_own(deployment: Deployment, first: str) -> None:
    job_id = in_state(deployment, State.SUCCEEDED)

    def asked(whose: str) -> httpx.Response:
        if whose == "the owner's submit":
            order = {"type": "anything", "payload": 2}
            return deployment.post("/jobs", order, authorization=OWNER, idempotency_key='"k"')
        by = ADMIN if whose == "the admin's rerun" else OWNER
        return deployment.post(f"/jobs/{job_id}/rerun", authorization=by, idempotency_key='"k"')

    before = asked(first)
    answers = [asked("the owner's rerun" if first == "the admin's rerun" else "the admin's rerun") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true"]
    assert len({before.json()["id"], *(answer.json()["id"] for answer in answers)}) == 2
    for answer in (before, *answers):
        read = deployment.get(f"/jobs/{answer.json()['id']}", authorization=OWNER)
        assert read.status_code == 200, "whoever asked for it, it is the owner's"


def test_an_admins_idempotency_key_is_for_one_job_alone(deployment: Deployment) -> None:
    jobs = [in_state(deployment, State.SUCCEEDED) for _ in range(2)]
    answers = [deployment.post(f"/jobs/{each}/rerun", authorization=ADMIN, idempotency_key='"k"') for each in jobs]
    assert [answer.status_code for answer in answers] == [202, 422]
    assert answers[1].json()["code"] == "idempotency_key_reused"
    own = deployment.post("/jobs", {"type": "anything", "payload": 1}, authorization=ADMIN, idempotency_key='"k"')
    assert own.status_code == 422


def test_a_job_submitted_with_a_token_is_unseen_where_authentication_is_off(
    deployment: Deployment, settings: Settings
) -> None:
    job_id = submitted(deployment)
    before = deployment.dump()
    unguarded = Deployment(msgspec.structs.replace(settings, quota_polls=0))
    paths = [READS[name] for name in ENVELOPES]
    asked = [("GET", path) for path in (*paths, "/jobs/{id}/result", "/jobs?id={id}")]
    asked += [("POST", "/jobs/{id}/cancel"), ("POST", "/jobs/{id}/rerun"), ("DELETE", "/jobs/{id}")]
    for method, path in asked:
        found, nothing = (unguarded.request(method, path.format(id=each)) for each in (job_id, ids.new_id()))
        assert same(found, nothing), path
    assert unguarded.get("/jobs").json()["jobs"] == []
    assert deployment.dump() == before
    # What they submit without one, they all see.
    own = unguarded.submit()
    assert [job["id"] for job in unguarded.get("/jobs").json()["jobs"]] == [own]
    assert deployment.get(f"/jobs/{own}", authorization=OWNER).status_code == 404
    unguarded.close()


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("jobs:write", "GET", "/jobs/abc"),
        ("jobs:write", "GET", "/job_status?job_id=abc"),
        ("jobs:write", "GET", "/jobs"),
        ("jobs:write", "GET", "/jobs/abc/result"),
        ("jobs:write", "GET", "/job-types"),
        ("jobs:read", "POST", "/jobs"),
        ("jobs:read", "POST", "/generate_assessment"),
        ("jobs:read", "POST", "/jobs/abc/cancel"),
        ("jobs:read", "POST", "/jobs/abc/rerun"),
        ("jobs:read", "DELETE", "/jobs/abc"),
        ("jobs:admin", "GET", "/jobs/abc"),
    ],
)
def test_a_scope_that_is_missing(deployment: Deployment, scope: str, method: str, path: str) -> None:
    before = deployment.dump()
    answer = deployment.request(method, path, headers={"authorization": bearer("owner", scope)})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert "insufficient_scope" in answer.headers["www-authenticate"]
    assert deployment.dump() == before


@pytest.mark.parametrize("scope", ["", "aws.cognito.signin.user.admin openid"], ids=["none", "another's"])
def test_a_token_that_names_no_scope_of_ours_is_refused_where_scopes_are_required(
    settings: Settings, scope: str
) -> None:
    demanding = Deployment(msgspec.structs.replace(settings, auth="jwt", jwt_secret=SECRET, scopes="required"))
    headers, order = {"authorization": bearer("owner", scope)}, {"type": "anything", "payload": 1}
    answers = [demanding.post("/jobs", order, **headers), demanding.get("/jobs", **headers)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "insufficient_scope")] * 2
    assert demanding.post("/jobs", order, authorization=OWNER).status_code == 202
    demanding.close()


@pytest.mark.parametrize(
    ("path", "schema"), [("/v1/api/jobs/abc", "managed-refusal"), ("/api/agent/jobs/abc", "agent-refusal")]
)
def test_a_401_is_in_the_envelopes_own_words(deployment: Deployment, path: str, schema: str) -> None:
    answer = deployment.get(path)
    assert answer.status_code == 401
    check(schema, answer.content)
    assert answer.headers["www-authenticate"] == "Bearer"
