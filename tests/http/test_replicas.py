"""POLLABLE_REPLICAS: a submit is answered once that many replicas have its job."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pollable.errors import StoreUnavailable
from pollable.jobs.changing import BATCH, JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async
from tests.failover.replicated import Replicated
from tests.http.calling import Deployment, catalog_of, job_type
from tests.test_wrong_settings import pollable
from tests.worker.waiting import until

BODY = {"type": "anything", "payload": "an OOM of the payload's own"}
# 1.5 s are promised; a busy machine gets twice that.
PATIENCE_S = 3.0


@pytest.fixture(scope="module")
def replicated(redis_program: Path) -> Iterator[Replicated]:
    made = Replicated(redis_program, replicas=2, sentinels=0)
    yield made
    made.close()


@pytest.fixture
def deployment(replicated: Replicated, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """One that waits for as many replicas as the test's parameter says, else for one."""
    replicas = getattr(request, "param", 1)
    url = f"redis://127.0.0.1:{replicated.servers[0].port}"
    settings = Settings(redis_url=url, auth="none", replicas=replicas, redis_risks="accepted")
    made = Deployment(settings, catalog=catalog_of(job_type("anything", payload_type=str)))
    yield made
    for server in replicated.servers:
        server.send(signal.SIGCONT)
    made.redis.config_set("maxmemory", "0")
    made.redis.flushall()
    made.close()


def test_an_accepted_job_is_on_a_replica(replicated: Replicated, deployment: Deployment) -> None:
    for _ in range(20):
        job_id = deployment.submit("anything", "text")
        stored = [each.client.exists(keys.record(job_id)) for each in replicated.servers[1:]]
        assert any(stored)


@pytest.mark.parametrize("deployment", [1, 2], indirect=True, ids=["one of two", "two of two"])
def test_too_few_replicas_are_a_503_in_time_whose_retry_gets_the_job(
    replicated: Replicated, deployment: Deployment
) -> None:
    frozen = replicated.servers[1:] if deployment.settings.replicas == 1 else replicated.servers[1:2]
    for server in frozen:
        server.send(signal.SIGSTOP)
    for _ in range(3):
        # Another connection has written nothing that it could wait for.
        deployment.disconnect()
        began = time.monotonic()
        refused = deployment.post("/jobs", BODY, idempotency_key="k")
        assert time.monotonic() - began < PATIENCE_S
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert "Too few replicas confirm" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) > 0
    assert len(deployment.get("/jobs").json()["jobs"]) == 1
    for server in frozen:
        server.send(signal.SIGCONT)
    until(lambda: deployment.post("/jobs", BODY, idempotency_key="k").status_code == 202, within_s=20, what="the retry")
    answer = deployment.post("/jobs", BODY, idempotency_key="k")
    assert answer.headers["idempotency-replayed"] == "true"
    (listed,) = deployment.get("/jobs").json()["jobs"]
    assert listed["id"] == answer.json()["id"]


def test_a_crowd_that_waits_for_replicas_waits_no_longer_than_one(
    replicated: Replicated, deployment: Deployment
) -> None:
    for server in replicated.servers[1:]:
        server.send(signal.SIGSTOP)
    began = time.monotonic()
    answers = asyncio.run(_submitted(deployment.settings, times=20 * BATCH))
    assert time.monotonic() - began < PATIENCE_S
    assert {type(answer) for answer in answers} == {StoreUnavailable}


async def _submitted(settings: Settings, *, times: int) -> list[object]:
    submission = Submission(type=job_type("anything"), payload=b"1", owner="crowd")
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=catalog_of(), reader=reader)
        return await asyncio.gather(*(writer.submit(submission) for _ in range(times)), return_exceptions=True)


@pytest.mark.parametrize("deployment", [0, 1], indirect=True, ids=["none asked for", "the other is enough"])
def test_replicas_that_nobody_asked_for_delay_nothing(replicated: Replicated, deployment: Deployment) -> None:
    frozen = replicated.servers[1:] if deployment.settings.replicas == 0 else replicated.servers[2:]
    for server in frozen:
        server.send(signal.SIGSTOP)
    assert deployment.post("/jobs", BODY).status_code == 202


def test_a_full_redis_is_full(deployment: Deployment) -> None:
    deployment.redis.config_set("maxmemory", "1")
    answer = deployment.post("/jobs", BODY)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_full")


def test_what_is_refused_for_another_reason_reads_as_ever(deployment: Deployment) -> None:
    assert deployment.post("/jobs", BODY, idempotency_key="k").status_code == 202
    other = deployment.post("/jobs", {**BODY, "payload": "another"}, idempotency_key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(("replicas", "code"), [(2, 0), (3, 1)])
def test_check_says_whether_so_many_replicas_answer(replicated: Replicated, replicas: int, code: int) -> None:
    url = f"redis://127.0.0.1:{replicated.servers[0].port}"
    jobs = {"POLLABLE_JOBS": "tests.cli.checked", "POLLABLE_HOST": "127.0.0.1", "PORT": "0"}
    accepted = {"POLLABLE_REDIS_RISKS": "accepted", "POLLABLE_REPLICAS": str(replicas)}
    result = pollable("check", REDIS_URL=url, **jobs, **accepted)
    assert result.exit_code == code
    said = "RISK       2 replicas answer, of POLLABLE_REPLICAS=3: no submit is accepted"
    assert (said if code else "ok         2 replicas answer") in result.output.splitlines()
