"""A personal access token that was taken back, verb by verb."""

from collections.abc import Iterator

import msgspec
import pytest

from pollable.cli import issued_tokens
from pollable.settings import Settings
from tests.http.calling import PROJECT_ID, Deployment

ORDER = {"type": "anything", "payload": 1}
WRITES = {
    "submit": ("POST", "/jobs", ORDER),
    "submit on a route of its own": ("POST", "/generate_assessment", {"text": "Ice."}),
    "submit in a project": (
        "POST",
        f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async",
        {"text": "Ice."},
    ),
    "cancel": ("POST", "/jobs/{queued}/cancel", None),
    "cancel in an envelope": ("POST", "/v1/api/jobs/{queued}/cancel", None),
    "rerun": ("POST", "/jobs/{ended}/rerun", None),
    "delete": ("DELETE", "/jobs/{ended}", None),
}


@pytest.fixture
def deployment(settings: Settings) -> Iterator[Deployment]:
    running = Deployment(msgspec.structs.replace(settings, auth="tokens"))
    yield running
    running.close()


@pytest.mark.parametrize("name", WRITES)
def test_a_revoked_token_changes_nothing_any_more(deployment: Deployment, name: str) -> None:
    token, kept = issued_tokens.create(deployment.redis, "ann")
    headers = {"authorization": f"Bearer {token}"}
    ids = {}
    for state in ("queued", "ended"):
        ids[state] = deployment.post("/jobs", ORDER, **headers).json()["id"]
    deployment.succeed(ids["ended"])
    assert deployment.get(f"/jobs/{ids['ended']}", **headers).status_code == 200
    issued_tokens.revoke(deployment.redis, kept.id)
    method, path, body = WRITES[name]
    before = deployment.dump()
    answer = deployment.request(method, path.format(**ids), json=body, headers=headers)
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["www-authenticate"]
    assert deployment.dump() == before
    assert deployment.get(f"/jobs/{ids['ended']}", **headers).status_code == 401
