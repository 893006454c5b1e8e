"""Jobs of each page's own route, brought into every state by hand, and what the page then answers."""

from typing import Any

import httpx

from pollable import ids
from pollable.worker.claims import Claims, Ending, Outcome
from tests.http.calling import ANALYSIS_ID, PROJECT_ID, Deployment, catalog_of, job_type

PAGES = ("plain", "record", "minimal", "managed", "agent")
STATES = ("queued", "delayed", "between attempts", "running", "succeeded", "failed", "cancelled", "stopped")
ENDED = STATES[4:]
READS = {
    "plain": "/job_status?job_id={}",
    "record": "/api/jobs/{}",
    "minimal": "/api/v1/jobs/{}",
    "managed": "/v1/api/jobs/{}",
    "agent": "/api/agent/jobs/{}",
}
TYPES = {
    "plain": "generate_assessment",
    "record": "AI_PREVIEW",
    "minimal": "screen_analysis",
    "managed": "document_processing",
    "agent": "audit_analysis",
}
SUBMITS = {
    "plain": "/generate_assessment",
    "record": "/api/admin/prompts/preview",
    "minimal": "/api/v1/analysis/screen",
    "managed": "/v1/api/jobs",
    "agent": f"/api/agent/projects/{PROJECT_ID}/audit-analysis/async",
}
CATALOG = catalog_of(
    *(
        job_type(TYPES[page], submit=SUBMITS[page].replace(PROJECT_ID, "{projectId}"), envelope=page, max_attempts=3)
        for page in PAGES
        if page != "managed"
    ),
    job_type(TYPES["managed"], envelope="managed", max_attempts=3),
)
RESULT = b'{"found":[1,null],"analysisId":"%s"}' % ANALYSIS_ID.encode()
PAYLOAD = {"text": "Leaves are green."}


def submit(deployment: Deployment, page: str, **headers: str) -> httpx.Response:
    body = {"type": TYPES[page], "payload": PAYLOAD} if page == "managed" else PAYLOAD
    answer = deployment.post(SUBMITS[page], body, **headers)
    assert answer.status_code == 202, answer.text
    return answer


def id_in(answer: httpx.Response) -> str:
    """The UUID of the job that an answer's `Location` leads to."""
    where = answer.headers["location"]
    found = ids.parse_id(where.rpartition("=" if "=" in where else "/")[2])
    assert found is not None
    return found


def job_in(deployment: Deployment, page: str, state: str) -> str:
    """A job of the page's own, in that state."""
    if state == "delayed":
        # Only its own route gives a job of `agent` its project, and a delay is given elsewhere.
        return deployment.submit(TYPES[page], PAYLOAD, delay=3600) if page != "agent" else _retried(deployment, page)
    if state == "between attempts":
        return _retried(deployment, page)
    job_id = id_in(submit(deployment, page))
    if state in ("cancelled", "stopped"):
        stop(deployment, job_id, began=state == "stopped")
    elif state == "running":
        deployment.start(job_id)
    elif state == "succeeded":
        deployment.succeed(job_id, RESULT)
    elif state == "failed":
        deployment.fail(job_id, "ran_dry", "The source ran dry.")
    return job_id


def stop(deployment: Deployment, job_id: str, *, began: bool) -> None:
    claim = deployment.start(job_id) if began else None
    assert deployment.post(f"/jobs/{job_id}/cancel").is_success
    if claim is not None:
        _claims(deployment).complete(claim, Outcome(kind=Ending.STOPPED))


def _retried(deployment: Deployment, page: str) -> str:
    job_id = id_in(submit(deployment, page))
    failed = Outcome(kind=Ending.FAILED, code="ran_dry", message="The source ran dry.", may_retry=True, delay_s=3600)
    _claims(deployment).complete(deployment.start(job_id), failed)
    return job_id


def _claims(deployment: Deployment) -> Claims:
    return Claims(deployment.redis, lease_s=deployment.settings.lease_s, types=list(TYPES.values()))


def read(deployment: Deployment, page: str, job_id: str, **headers: str) -> httpx.Response:
    return deployment.get(READS[page].format(job_id), **headers)


def shown(answer: httpx.Response) -> dict[str, Any]:
    """The job in a body, out of its `data` where the page has that."""
    body: dict[str, Any] = answer.json()
    inner: dict[str, Any] = body.get("data", body)
    return inner
