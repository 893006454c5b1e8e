"""Every status that the description has is one that its operation answers with."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from openapi_spec_validator import validate

from pollable import ids
from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, PROJECT_ID, Deployment
from tests.security.test_who_is_told import announce

SECRET = "a secret that is long enough for HS256"
QUOTA = 20
TOO_LARGE = b'"' + b"a" * 300_000 + b'"'
SOMEBODY_ELSES = {"host": "elsewhere.test"}
ANOTHER_PAGE = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.test"}


def token(subject: str, **claims: Any) -> str:
    known = {"sub": subject, "exp": int(time.time()) + 600, **claims}
    return f"Bearer {jwt.encode(known, SECRET, algorithm='HS256')}"


Deployments = tuple[Deployment, Deployment]


class Asked:
    """One operation of a deployment, asked by somebody whom nobody has seen before."""

    def __init__(self, deployments: Deployments, method: str, path: str, operation: dict[str, Any]) -> None:
        self.deployment, self.deployment_without_redis = deployments
        self.name, self.path = str(operation["operationId"]), path
        # All of a caller's events have no end.
        self.method = "HEAD" if self.verb == "feed" else method
        self.has_body = "requestBody" in operation
        claims = {"scope": "jobs:read jobs:write jobs:admin"} if self.name == "queues" else {}
        known = {"authorization": token(ids.new_id(), **claims)}
        self.headers = known if self.deployment.settings.auth == ("jwt",) else {}

    @property
    def verb(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    def ask(self, job_id: str = "unknown", *, content: Any = None, **headers: str) -> httpx.Response:
        path = self.path.replace("{id}", job_id).replace("{projectId}", PROJECT_ID)
        if self.path == "/job_status":
            path = f"{path}?job_id={job_id}"
        options: dict[str, Any] = {
            "headers": self.headers | {name.replace("_", "-"): headers[name] for name in headers}
        }
        if self.has_body:
            options |= {"json": self.valid()} if content is None else {"content": content}
            options["headers"] = {"content-type": "application/json"} | options["headers"]
        return self.deployment.request(self.method, path, **options)

    def valid(self) -> object:
        return {"type": "anything", "payload": 1} if self.path in ("/jobs", "/v1/api/jobs") else {"text": "a"}

    def job(self, state: str) -> str:
        """The id of a job of the same caller."""
        path = f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async"
        accepted = self.deployment.request("POST", path, json={"text": "a"}, headers=self.headers)
        job_id = str(accepted.json()["data"]["jobId"])
        if state == "running":
            self.deployment.start(job_id)
        elif state != "queued":
            self.deployment.succeed(job_id)
        if state == "deleted":
            self.deployment.request("DELETE", f"/jobs/{job_id}", headers=self.headers)
        return job_id


def ok(asked: Asked) -> httpx.Response:
    if asked.name == "readyz":
        announce(asked.deployment, *(each.name for each in JOB_TYPES))
    if asked.verb == "submit":
        return ended_meanwhile(asked)
    return asked.ask(asked.job("queued" if asked.verb == "cancel" else "ended"))


def ended_meanwhile(asked: Asked) -> httpx.Response:
    """A submit that was waited for: it came before, and its job has ended."""
    location = asked.ask(idempotency_key=asked.name).headers["location"]
    asked.deployment.succeed(str(ids.parse_id(re.split("[/=]", location)[-1])))
    return asked.ask(idempotency_key=asked.name, prefer="wait=1")


def told_already(asked: Asked) -> httpx.Response:
    """An end that was heard, or a job that is forgotten."""
    job_id = asked.job("ended")
    if asked.verb == "delete":
        return asked.ask(job_id)
    (last,) = re.findall("^id: (.+)$", asked.ask(job_id).text, re.MULTILINE)
    return asked.ask(job_id, last_event_id=last)


def accepted(asked: Asked) -> httpx.Response:
    return asked.ask(asked.job("running" if asked.verb == "cancel" else "ended"))


def malformed(asked: Asked) -> httpx.Response:
    if asked.path == "/job_status":
        return asked.deployment.request("GET", asked.path, headers=asked.headers)
    if asked.verb == "list":
        return asked.deployment.request("GET", f"{asked.path}?limit=0", headers=asked.headers)
    return asked.ask(idempotency_key="two words")


def unfit(asked: Asked) -> httpx.Response:
    if asked.has_body:
        return asked.ask(content=b'{"type": "generate_assessment", "payload": {"text": 1}, "text": 1}')
    job_id = asked.job("ended")
    asked.ask(job_id, idempotency_key='"k"')
    return asked.ask(asked.job("ended"), idempotency_key='"k"')


def absent(asked: Asked) -> httpx.Response:
    return asked.ask(content=b'{"type": "nothing", "payload": 1}')


def too_often(asked: Asked) -> httpx.Response:
    answers = [asked.ask() for _ in range(QUOTA + 1)]
    return answers[-1]


def away(asked: Asked) -> httpx.Response:
    """Asked of the same deployment, whose Redis cannot be reached."""
    asked.deployment = asked.deployment_without_redis
    return asked.ask()


WAYS: dict[str, Callable[[Asked], httpx.Response]] = {
    "200": ok,
    "202": accepted,
    "204": told_already,
    "304": lambda asked: asked.ask(asked.job("ended"), if_none_match="*"),
    "400": malformed,
    "401": lambda asked: asked.ask(authorization=""),
    "403": lambda asked: asked.ask(**({"authorization": token("a", scope="jobs:admin")} | ANOTHER_PAGE)),
    "404": absent,
    "409": lambda asked: asked.ask(asked.job("ended" if asked.verb == "cancel" else "queued")),
    "410": lambda asked: asked.ask(asked.job("deleted")),
    "413": lambda asked: asked.ask(content=TOO_LARGE),
    "415": lambda asked: asked.ask(content_type="text/plain"),
    "421": lambda asked: asked.ask(**SOMEBODY_ELSES),
    "422": unfit,
    "429": too_often,
    "503": away,
}


@pytest.fixture(params=["guarded", "open"])
def deployments(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Deployments]:
    """With everything that may be refused, but for what goes with authentication or without it alone."""
    guarded: dict[str, Any] = {"auth": ("jwt",), "jwt_secret": SECRET} if request.param == "guarded" else {}
    quotas = {"quota_polls": QUOTA, "quota_reads": QUOTA, "quota_writes": QUOTA}
    changed = msgspec.structs.replace(settings, hosts=("pollable.test",), **guarded, **quotas)
    away = msgspec.structs.replace(changed, redis_url="redis://127.0.0.1:1/0")
    with closing(Deployment(changed)) as deployment, closing(Deployment(away)) as without_redis:
        yield deployment, without_redis


def test_every_status_is_one_that_its_operation_answers_with(deployments: Deployments) -> None:
    # That each answer is as it is described, header and body, sees to it the deployment.
    deployment, _ = deployments
    validate({**deployment.description.told, "servers": [{"url": "/"}]})
    count = 0
    for method, path, operation in deployment.description.operations():
        for status in operation["responses"].keys() - {"default"}:
            answer = WAYS[status](Asked(deployments, method, path, operation))
            assert str(answer.status_code) == status, (method, path, status, answer.text)
            # Where there are no tokens all are one caller.
            deployment.redis.delete("none", *deployment.redis.keys("rq:pollable:limit:*"))
            count += 1
    assert count > 150
