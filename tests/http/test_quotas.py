"""Quotas by envelope and by setting."""

import re

import httpx
import msgspec
import pytest

from pollable.settings import Settings
from tests.clients.people import SECRET, token
from tests.contracts.published import check
from tests.http.calling import PROJECT_ID, Deployment

AUDIT = f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async"


def spend(deployment: Deployment, times: int, method: str, path: str, body: object = None) -> httpx.Response:
    """The last of so many answers; all before it were let in."""
    for _ in range(times - 1):
        assert deployment.request(method, path, json=body).status_code != 429
    return deployment.request(method, path, json=body)


def test_agent_lets_in_120_polls_a_minute(deployment: Deployment) -> None:
    let_in = 0
    while (answer := deployment.get("/api/agent/jobs/abc")).status_code == 404:
        let_in += 1
    assert let_in == 120
    assert answer.status_code == 429
    check("agent-refusal", answer.content)
    assert 30 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-policy"] == '"polls";q=120;w=60'
    found = re.fullmatch(r'"polls";r=0;t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    assert found[1] == answer.headers["retry-after"]
    # Polls are counted apart from writes, and other envelopes not at all.
    assert deployment.post(AUDIT, {"text": "a"}).status_code == 202
    assert deployment.get("/jobs/abc").status_code == 404


def test_agent_lets_in_20_writes_a_minute(deployment: Deployment) -> None:
    answer = spend(deployment, 21, "POST", AUDIT, {"text": "a"})
    assert answer.status_code == 429
    assert answer.headers["ratelimit-policy"] == '"writes";q=20;w=60'
    assert len(deployment.get("/jobs").json()["jobs"]) == 20
    assert deployment.get("/api/agent/jobs/abc").status_code == 404


@pytest.mark.parametrize(
    ("setting", "method", "path"),
    [
        ("quota_polls", "GET", "/jobs/abc"),
        ("quota_polls", "GET", "/v1/api/jobs/abc"),
        ("quota_polls", "GET", "/job_status?job_id=abc"),
        ("quota_reads", "GET", "/jobs?limit=1"),
        ("quota_reads", "GET", "/jobs/abc/result"),
        ("quota_reads", "GET", "/job-types"),
        ("quota_writes", "POST", "/jobs"),
        ("quota_writes", "POST", "/jobs/abc/cancel"),
        ("quota_writes", "DELETE", "/jobs/abc"),
    ],
)
def test_a_setting_holds_for_all_envelopes(settings: Settings, setting: str, method: str, path: str) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, **{setting: 2}))
    answer = spend(deployment, 3, method, path)
    deployment.close()
    assert answer.status_code == 429
    assert "quota_exceeded" in answer.text
    assert answer.headers["ratelimit-policy"] == f'"{setting.removeprefix("quota_")}";q=2;w=60'


def test_zero_turns_a_quota_off(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=0))
    assert spend(deployment, 125, "GET", "/api/agent/jobs/abc").status_code == 404
    assert not deployment.redis.keys("rq:pollable:limit:*")
    deployment.close()


def test_no_quota_costs_nothing_in_redis(deployment: Deployment) -> None:
    deployment.get("/jobs/abc")
    deployment.get("/jobs")
    assert not deployment.redis.keys("rq:pollable:limit:*")


@pytest.mark.parametrize(
    ("method", "path", "bucket"),
    [
        ("GET", "/jobs/{id}", "polls"),
        ("GET", "/job_status?job_id={id}", "polls"),
        ("GET", "/job_status?job_id=no-such-job", "polls"),
        ("GET", "/v1/api/jobs/{id}", "polls"),
        ("GET", "/jobs?limit=1", "reads"),
        ("GET", "/jobs?id={id}", "reads"),
        ("GET", "/job-types", "reads"),
        ("POST", "/jobs/{id}/cancel", "writes"),
    ],
)
def test_every_answer_of_a_limited_route_says_what_is_left(
    settings: Settings, method: str, path: str, bucket: str
) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=50, quota_reads=50, quota_writes=50))
    answer = deployment.request(method, path.format(id=deployment.submit()))
    left = 48 if bucket == "writes" else 49
    deployment.close()
    assert answer.status_code == 200
    assert answer.headers["ratelimit-policy"] == f'"{bucket}";q=50;w=60'
    assert answer.headers["ratelimit"] in {f'"{bucket}";r={left};t={t}' for t in (59, 60)}


def test_a_304_says_what_is_left_too(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=50))
    path = f"/jobs/{deployment.submit()}"
    etag = deployment.get(path).headers["etag"]
    again = deployment.request("GET", path, headers={"If-None-Match": etag})
    deployment.close()
    assert (again.status_code, again.headers["ratelimit"].partition(";t=")[0]) == (304, '"polls";r=48')


@pytest.mark.parametrize(
    ("method", "path", "bucket", "status"),
    [
        ("GET", "/jobs/no-such-job", "polls", 404),
        ("GET", "/v1/api/jobs/no-such-job", "polls", 404),
        ("GET", "/api/agent/jobs/no-such-job", "polls", 404),
        ("GET", "/jobs/no-such-job/result", "reads", 404),
        ("GET", "/jobs?cursor=none&limit=1", "reads", 400),
        ("POST", "/jobs/no-such-job/cancel", "writes", 404),
        ("POST", "/jobs", "writes", 415),
    ],
)
def test_a_refusal_says_what_is_left_too(settings: Settings, method: str, path: str, bucket: str, status: int) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=50, quota_reads=50, quota_writes=50))
    answer = deployment.request(method, path)
    deployment.close()
    assert answer.status_code == status
    assert answer.headers["ratelimit-policy"] == f'"{bucket}";q=50;w=60'
    assert answer.headers["ratelimit"].partition(";t=")[0] == f'"{bucket}";r=49'


def test_a_list_counts_as_many_reads_as_its_page_may_have(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_reads=70))
    first, refused, second = (deployment.get(path) for path in ("/jobs", "/jobs?limit=21", "/jobs?limit=20"))
    deployment.close()
    assert [first.status_code, refused.status_code, second.status_code] == [200, 429, 200]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert [each.headers["ratelimit"].partition(";t=")[0] for each in (first, refused, second)] == [
        f'"reads";r={left}' for left in (20, 20, 0)
    ]


def test_a_list_whose_length_nobody_named_is_let_in_once_by_a_small_quota(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_reads=10))
    first, second = deployment.get("/jobs"), deployment.get("/jobs")
    deployment.close()
    assert [first.status_code, second.status_code] == [200, 429]


@pytest.mark.parametrize("path", ["/jobs?limit=50", "/jobs?limit=11", "/jobs?" + "id=a&" * 11])
def test_what_no_minute_ever_lets_in_is_told_so(settings: Settings, path: str) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_reads=10))
    answer, after = deployment.get(path), deployment.get("/jobs?limit=10")
    deployment.close()
    assert (answer.status_code, answer.json()["code"], after.status_code) == (400, "invalid_parameter", 200)
    assert "10 are allowed in 60 s: ask for fewer jobs at once" in answer.json()["detail"]


@pytest.mark.parametrize("scope", ["jobs:read jobs:write", "jobs:read jobs:write jobs:admin"], ids=["owner", "admin"])
def test_where_callers_are_told_apart_each_makes_600_writes_a_minute(settings: Settings, scope: str) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    caller = {"Authorization": f"Bearer {token('ann', scope=scope)}"}
    answer = deployment.request("POST", "/jobs/no-such-job/cancel", headers=caller)
    read = deployment.request("GET", "/jobs", headers=caller)
    deployment.close()
    assert answer.headers["ratelimit-policy"] == '"writes";q=600;w=60'
    assert answer.headers["ratelimit"].partition(";t=")[0] == '"writes";r=599'
    assert "ratelimit" not in read.headers


def test_zero_turns_the_quota_of_writes_off(settings: Settings) -> None:
    limits = {"auth": ("jwt",), "jwt_secret": SECRET, "quota_writes": 0}
    deployment = Deployment(msgspec.structs.replace(settings, **limits))
    caller = {"Authorization": f"Bearer {token('ann')}"}
    answer = deployment.request("POST", "/jobs/no-such-job/cancel", headers=caller)
    deployment.close()
    assert "ratelimit" not in answer.headers


def test_a_read_of_many_jobs_counts_each(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_reads=10))
    first = deployment.get("/jobs?" + "&".join(f"id={number}" for number in range(7)))
    second = deployment.get("/jobs?" + "&".join(f"id={number}" for number in range(4)))
    deployment.close()
    assert (first.status_code, first.headers["ratelimit"].partition(";t=")[0]) == (200, '"reads";r=3')
    assert second.status_code == 429


@pytest.mark.parametrize(
    ("setting", "method", "path"),
    [
        ("quota_polls", "GET", "/jobs/abc"),
        ("quota_reads", "GET", "/jobs/abc/result"),
        ("quota_reads", "GET", "/jobs?id=abc"),
        ("quota_writes", "POST", "/jobs/abc/rerun"),
    ],
)
def test_what_an_operator_does_counts_too(settings: Settings, setting: str, method: str, path: str) -> None:
    limits = {setting: 2, "auth": ("jwt",), "jwt_secret": SECRET}
    deployment = Deployment(msgspec.structs.replace(settings, **limits))
    operator = {"Authorization": f"Bearer {token('ann', scope='jobs:read jobs:write jobs:admin')}"}
    statuses = [deployment.request(method, path, headers=operator).status_code for _ in range(3)]
    deployment.close()
    assert [status == 429 for status in statuses] == [False, False, True]


def test_a_redis_that_refuses_to_count_does_not_refuse_the_read(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=1, quota_reads=1))
    job_id = deployment.submit()
    deployment.redis.replicaof("127.0.0.1", "1")
    try:
        answers = [deployment.get(path) for path in (f"/jobs/{job_id}", "/jobs?limit=1") for _ in range(2)]
    finally:
        deployment.redis.replicaof("NO", "ONE")
    deployment.close()
    assert [answer.status_code for answer in answers] == [200] * 4
    assert not any("ratelimit" in answer.headers for answer in answers)


def test_an_owner_who_holds_as_much_as_may_be_is_told_so(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, owner_max_jobs=1))
    first = deployment.submit()
    answers = [
        deployment.post("/jobs", {"type": "anything", "payload": 1}),
        deployment.post("/v1/api/jobs", {"type": "document_processing", "payload": {"text": "a"}}),
        deployment.post(AUDIT, {"text": "a"}),
    ]
    cancelled = deployment.post(f"/jobs/{first}/cancel").status_code
    again = deployment.post("/jobs", {"type": "anything", "payload": 1}).status_code
    deployment.close()
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(429, "10")] * 3
    assert (answers[0].json()["code"], answers[1].json()["error"]["code"]) == ("owner_full", "owner_full")
    assert "At most 1 of your jobs may wait or run" in answers[2].json()["error"]
    assert (cancelled, again) == (200, 202)
