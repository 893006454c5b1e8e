"""Quotas by envelope and by setting."""

import re

import httpx
import msgspec
import pytest

from service.settings import Settings
from tests.contracts.published import check
from tests.http.calling import PROJECT_ID, Deployment

AUDIT = f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async"


def spend(deployment: Deployment, times: int, method: str, path: str, body: object = None) -> httpx.Response:
    """The last of so many answers; all before it were let in."""
    for _ in range(times - 1):
        assert deployment.request(method, path, json=body).status_code != 429
    return deployment.request(method, path, json=body)


def test_agent_lets_in_120_polls_a_minute(deployment: Deployment) -> None:
    answer = spend(deployment, 121, "GET", "/api/agent/jobs/abc")
    assert answer.status_code == 429
    check("agent-refusal", answer.content)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-policy"] == '"polls";q=120;w=60'
    found = re.fullmatch(r'"polls";r=0;t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    assert 1 <= int(found[1]) <= 60
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
        ("quota_reads", "GET", "/jobs"),
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
    assert not deployment.redis.keys("pollable:limit:*")
    deployment.close()


def test_no_quota_costs_nothing_in_redis(deployment: Deployment) -> None:
    deployment.get("/jobs/abc")
    deployment.get("/jobs")
    assert not deployment.redis.keys("pollable:limit:*")
