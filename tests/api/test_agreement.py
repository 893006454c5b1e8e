"""What HTTP refuses, one's own code is refused with the same status, code, words and path."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pollable import Owner
from pollable.settings import Settings
from tests.api.faces import Faces, said, told
from tests.system.running import free_port

NOBODY = Owner("anonymous")
"""Whoever asks where there is no authentication."""
FIT = {"text": "What is new?"}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


SUBMITS: dict[str, tuple[str, tuple[str, Any], dict[str, Any]]] = {
    "no such type": ("unknown_job_type", ("nothing", 1), {}),
    "payload of another type": ("invalid_payload", ("generate_assessment", {"text": 4}), {}),
    "payload without a field": ("invalid_payload", ("generate_assessment", {}), {}),
    "payload out of bounds": ("invalid_payload", ("generate_assessment", {"text": ""}), {}),
    "payload that is a list": ("invalid_payload", ("generate_assessment", [FIT]), {}),
    "payload of raw nonsense": ("invalid_json", ("anything", msgspec.Raw(b"{nonsense}")), {}),
    "payload that is large": ("payload_too_large", ("anything", "x" * 262_144), {}),
    "path parameters": ("invalid_payload", ("audit_analysis", FIT), {}),
    "no such queue": ("invalid_payload", ("anything", 1), {"queue": "express"}),
    "a negative delay": ("invalid_payload", ("anything", 1), {"delay": -1}),
    "a delay of months": ("invalid_payload", ("anything", 1), {"delay": 90 * 86_400}),
    "a delay in words": ("invalid_payload", ("anything", 1), {"delay": "soon"}),
    "a time without a zone": ("invalid_payload", ("anything", 1), {"run_at": datetime(2030, 1, 1)}),
    "a time far ahead": ("invalid_payload", ("anything", 1), {"run_at": datetime.now(UTC) + timedelta(days=90)}),
    "two times": ("invalid_payload", ("anything", 1), {"run_at": datetime.now(UTC), "delay": 1}),
    "many labels": ("invalid_payload", ("anything", 1), {"labels": {f"label{n}": "x" for n in range(17)}}),
    "large labels": ("invalid_payload", ("anything", 1), {"labels": {"a": "x" * 4096}}),
    "a label without a name": ("invalid_payload", ("anything", 1), {"labels": {"": "x"}}),
    "a label that is a number": ("invalid_payload", ("anything", 1), {"labels": {"a": 1}}),
    "an empty key": ("invalid_parameter", ("anything", 1), {"key": ""}),
    "a long key": ("invalid_parameter", ("anything", 1), {"key": "x" * 256}),
    "a key with a tab": ("invalid_parameter", ("anything", 1), {"key": "a\tb"}),
}


@pytest.mark.parametrize("case", SUBMITS)
def test_a_submit_is_refused_alike(faces: Faces, case: str) -> None:
    code, (type_, payload), options = SUBMITS[case]
    over_http, blocking, awaited = faces.refusals_of_submit(type_, payload, **options)
    assert over_http["code"] == code
    assert blocking == awaited == over_http
    assert list(faces.jobs.list()) == []


def test_a_payload_that_is_nested_too_deeply_is_refused_alike(faces: Faces) -> None:
    # Python itself cannot write it down, so it goes over HTTP as text.
    body = b'{"type":"anything","payload":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    answer = faces.http.request("POST", "/jobs", content=body, headers={"content-type": "application/json"})
    assert told(answer) == said(lambda: faces.jobs.submit("anything", nested(20_000)))
    assert told(answer)["code"] == "invalid_json"


def test_a_payload_that_is_no_text_is_refused_alike(faces: Faces) -> None:
    body = b'{"type":"anything","payload":"\xff"}'
    answer = faces.http.request("POST", "/jobs", content=body, headers={"content-type": "application/json"})
    assert told(answer) == said(lambda: faces.jobs.submit("anything", "\ud800"))


FULL: dict[str, tuple[str, dict[str, Any]]] = {
    "a full queue": ("queue_full", {"max_queue_depth": 1}),
    "an owner with many jobs": ("owner_full", {"owner_max_jobs": 1}),
    "an owner with many bytes": ("owner_full", {"owner_max_bytes": 4000}),
}


@pytest.mark.parametrize("case", FULL)
def test_what_is_full_refuses_alike(settings: Settings, case: str) -> None:
    code, changes = FULL[case]
    with closing(Faces(msgspec.structs.replace(settings, **changes))) as faces:
        faces.jobs.submit("anything", "x" * 500)
        over_http, blocking, awaited = faces.refusals_of_submit("anything", "x" * 3000)
    assert over_http["code"] == code
    assert blocking == awaited == over_http


def test_a_key_that_was_used_with_another_payload_is_refused_alike(faces: Faces) -> None:
    first = faces.jobs.submit("anything", 1, idempotency_key="one")
    over_http, blocking, awaited = faces.refusals_of_submit("anything", 2, key="one")
    assert blocking == awaited == over_http
    assert over_http["code"] == "idempotency_key_reused"
    assert faces.jobs.submit("anything", 1, idempotency_key="one").id == first.id
    assert faces.submit_over_http("anything", 1, key="one").json()["id"] == first.id


def test_too_few_replicas_are_told_alike(settings: Settings) -> None:
    with closing(Faces(msgspec.structs.replace(settings, replicas=1))) as faces:
        over_http, blocking, awaited = faces.refusals_of_submit("anything", 1)
    assert over_http["code"] == "store_unavailable"
    assert "Too few replicas" in over_http["detail"]
    assert blocking == awaited == over_http


@pytest.fixture
def nowhere(settings: Settings) -> Iterator[Faces]:
    made = Faces(msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}"))
    yield made
    made.close()


def test_a_redis_that_is_away_is_told_alike_and_soon(nowhere: Faces) -> None:
    began = time.monotonic()
    refusal = said(lambda: nowhere.jobs.submit("anything", 1))
    assert time.monotonic() - began < 1.5
    over_http, blocking, awaited = nowhere.refusals_of_submit("anything", 1)
    assert over_http["code"] == "store_unavailable"
    assert refusal == blocking == awaited == over_http


def ended(faces: Faces) -> str:
    job_id = faces.jobs.submit("anything", 1).id
    faces.http.succeed(job_id)
    return job_id


def freed(faces: Faces) -> str:
    job_id = ended(faces)
    faces.http.redis.hset(f"rq:pollable:job:{job_id}", "payload_freed", 1)
    return job_id


def deleted(faces: Faces) -> str:
    job_id = ended(faces)
    assert faces.http.request("DELETE", f"/jobs/{job_id}").status_code == 204
    return job_id


def unfit(faces: Faces) -> str:
    job_id = faces.jobs.submit("generate_assessment", FIT).id
    faces.http.succeed(job_id)
    faces.http.redis.hset(f"rq:pollable:job:{job_id}", "payload", '{"text":4}')
    return job_id


CHANGES: dict[str, tuple[str, str, Callable[[Faces], str]]] = {
    "cancel of an ended job": ("wrong_state", "cancel", ended),
    "cancel of a deleted job": ("job_expired", "cancel", deleted),
    "cancel of no job": ("job_not_found", "cancel", lambda _: "nothing"),
    "rerun of a live job": ("wrong_state", "rerun", lambda faces: faces.jobs.submit("anything", 1).id),
    "rerun of a deleted job": ("job_expired", "rerun", deleted),
    "rerun of a job without payload": ("payload_freed", "rerun", freed),
    "rerun of what no longer fits": ("invalid_payload", "rerun", unfit),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_refused_alike(faces: Faces, case: str) -> None:
    code, verb, prepare = CHANGES[case]
    job_id = prepare(faces)
    answer = faces.http.post(f"/jobs/{job_id}/{verb}")
    assert told(answer)["code"] == code
    assert said(lambda: getattr(faces.jobs, verb)(job_id, owner=NOBODY)) == told(answer)


@pytest.mark.parametrize("prepare", [deleted, lambda _: "nothing"], ids=["deleted", "never was"])
def test_a_job_that_is_not_there_is_told_alike(faces: Faces, prepare: Callable[[Faces], str]) -> None:
    job_id = prepare(faces)
    answer = told(faces.http.get(f"/jobs/{job_id}"))
    assert said(lambda: faces.jobs.get(job_id, owner=NOBODY)) == answer
    assert said(lambda: faces.jobs.wait(job_id, timeout=5, owner=NOBODY)) == answer


def test_a_state_that_there_is_not_is_told_alike(faces: Faces) -> None:
    answer = told(faces.http.get("/jobs?status=done"))
    assert said(lambda: list(faces.jobs.list(status="done"))) == answer
