"""A job's whole life as the Redis users of docs/deploying.md: all of it works, and Redis refuses nothing on the way."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from rq import Queue
from rq.job import Job, JobStatus

from pollable.cli import checking, issued_tokens
from pollable.cli.embedded import Private
from pollable.serializer import JSON
from pollable.settings import Settings
from pollable.storage.connection import connect
from tests.rq.processes import web, worker
from tests.security.redis_users import USERS, WEB, WORKER, address, install, refusals
from tests.system.running import until

JOBS = "tests.security.acl_jobs"
DEPLOYED = {"POLLABLE_JOBS": JOBS, "POLLABLE_AUTH": "tokens", "POLLABLE_LEASE_S": "1"}
WEB_ALONE = {"POLLABLE_FOREIGN_JOBS": "read-data", "POLLABLE_QUOTA_READS": "1000", "POLLABLE_QUOTA_WRITES": "1000"}


class House:
    """One web process and workers, each as its own Redis user; `default` is the operator, who may everything."""

    def __init__(self, program: Path, directory: Path, stack: ExitStack) -> None:
        self._directory, self._stack = directory, stack
        self.redis = stack.enter_context(closing(Private(program)))
        self.admin: Any = stack.enter_context(redis.Redis.from_url(self.redis.url))
        # As the document wants it; without it the save points would be asked for.
        self.admin.config_set("appendonly", "yes")
        install(self.admin)
        self.web_settings = Settings(redis_url=address(self.redis.url, WEB), jobs=(JOBS,), auth=("tokens",))
        with connect(self.web_settings) as client:
            token, self.token = issued_tokens.create(client, "ann", lifetime_s=600)
        url = address(self.redis.url, WEB)
        self.http = stack.enter_context(web(url, directory / "web.log", **DEPLOYED, **WEB_ALONE))
        self.http.headers["authorization"] = f"Bearer {token}"
        self.workers = [self.hire()]

    def hire(self, *options: str) -> Any:
        log = self._directory / "worker.log"
        return self._stack.enter_context(worker(address(self.redis.url, WORKER), log, *options, **DEPLOYED))

    def submit(self, headers: dict[str, str] | None = None, **way: Any) -> httpx.Response:
        members = {name: way.pop(name) for name in ("delay", "labels", "queue") if name in way}
        return self.http.post("/jobs", json={"type": "go", "payload": way, **members}, headers=headers)

    def begun(self, **way: Any) -> str:
        answer = self.submit(**way)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def read(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until(self, job_id: str, status: str) -> dict[str, Any]:
        until(lambda: self.read(job_id)["status"] == status, within_s=30)
        return self.read(job_id)


@pytest.fixture(scope="module")
def _house(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(redis_program, tmp_path_factory.mktemp("house"), stack)


@pytest.fixture
def house(_house: House) -> Iterator[House]:
    yield _house
    assert refusals(_house.admin) == []


def test_a_job_runs_tells_how_far_it_is_and_succeeds(house: House) -> None:
    job_id = house.begun(pause_s=1.5, labels={"a": "b"})
    until(lambda: house.read(job_id)["progress"]["percent"] > 0)
    assert house.until(job_id, "succeeded")["result"] == {"attempt": 1}
    assert house.http.get(f"/jobs/{job_id}/result").json() == {"attempt": 1}
    assert house.http.get(f"/v1/api/jobs/{job_id}").json()["data"]["status"] == "completed"
    assert house.http.get("/jobs", params={"label.a": "b"}).json()["jobs"][0]["id"] == job_id
    assert house.http.get("/jobs", params={"id": [job_id, "x"]}).status_code == 200
    until(lambda: house.admin.exists(f"rq:results:{job_id}"))
    assert house.http.request("DELETE", f"/jobs/{job_id}").status_code == 204
    assert house.http.get(f"/jobs/{job_id}").status_code == 410


def test_a_job_is_tried_again_fails_and_is_rerun(house: House) -> None:
    tried = house.begun(failures=1)
    failed = house.begun(failures=3)
    assert house.until(tried, "succeeded")["result"] == {"attempt": 2}
    assert house.until(failed, "failed")["error"]["code"] == "not_yet"
    again = house.http.post(f"/jobs/{failed}/rerun")
    assert again.status_code == 202
    house.until(again.json()["id"], "failed")


def test_jobs_are_cancelled_waiting_delayed_and_running(house: House) -> None:
    delayed, running = house.begun(delay=3600), house.begun(pause_s=60)
    waiting = house.begun()
    house.until(running, "running")
    for job_id in (delayed, waiting):
        assert house.http.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    assert house.http.post(f"/jobs/{running}/cancel").status_code == 202
    house.until(running, "cancelled")


def test_a_delayed_job_is_due_and_runs(house: House) -> None:
    assert house.until(house.begun(delay=1), "succeeded")["attempts"] == 1


def test_a_key_is_used_twice_and_a_job_of_other_code_is_read(house: House) -> None:
    once = house.submit({"Idempotency-Key": "a"})
    assert house.submit({"Idempotency-Key": "a"}).json()["id"] == once.json()["id"]
    assert house.submit({"Idempotency-Key": "a"}, failures=1).status_code == 422
    house.until(once.json()["id"], "succeeded")
    theirs = Queue("theirs", connection=house.admin).enqueue("reports.build", 1, result_ttl=60, ttl=60)
    house.admin.hset(theirs.key, "status", "finished")
    assert house.read(theirs.id)["status"] == "succeeded"


def test_tokens_are_made_listed_used_and_taken_back(house: House) -> None:
    with connect(house.web_settings) as client:
        token, kept = issued_tokens.create(client, "eve", lifetime_s=600)
        assert {each.id for each in issued_tokens.every(client)} == {house.token.id, kept.id}
        headers = {"authorization": f"Bearer {token}"}
        assert house.http.get("/jobs", headers=headers).status_code == 200
        assert house.submit(headers).status_code == 202
        assert issued_tokens.revoke(client, kept.id)
        assert house.submit(headers).status_code == 401


def test_the_service_is_ready_and_checks_well(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    until(lambda: house.http.get("/readyz").status_code == 200)
    assert house.http.get("/readyz").json()["status"] == "ok"
    checking.run(house.web_settings)
    assert "ok         it takes what the service writes" in capsys.readouterr().out


def test_jobs_of_other_code_wait_for_ours_and_operators_have_their_say(house: House) -> None:
    ours, deleted = house.begun(pause_s=0.5), house.begun(delay=60)
    theirs = Queue("theirs", connection=house.admin)
    parent = Job.fetch(ours, connection=house.admin, serializer=JSON)
    waiting = theirs.enqueue("reports.build", depends_on=parent, result_ttl=60, ttl=600)
    Job.fetch(deleted, connection=house.admin, serializer=JSON).delete()
    until(lambda: waiting.get_status() is JobStatus.QUEUED)
    house.until(deleted, "cancelled")
    running = house.begun(pause_s=1)
    house.until(running, "running")
    # RQ writes its hash once more as the job begins, a moment after the claim.
    until(lambda: house.admin.hget(f"rq:job:{running}", "status") == b"started")
    Job.fetch(running, connection=house.admin, serializer=JSON).delete()
    house.until(running, "cancelled")
    requeued = house.begun(failures=4)
    house.until(requeued, "failed")
    until(lambda: house.admin.zscore("rq:failed:pollable", requeued) is not None)
    Job.fetch(requeued, connection=house.admin, serializer=JSON).requeue()
    until(lambda: house.read(requeued)["attempts"] == 4)


def test_a_worker_that_was_killed_is_found_and_another_goes_on(house: House) -> None:
    job_id = house.begun(pause_s=4)
    house.until(job_id, "running")
    os.killpg(house.workers[-1].pid, signal.SIGKILL)
    house.workers.append(house.hire("--simple"))
    until(lambda: house.read(job_id)["attempts"] == 2, within_s=40)
    house.until(job_id, "succeeded")
    stray = house.begun(pause_s=0.5)
    house.until(stray, "running")
    house.workers[-1].terminate()
    house.workers[-1].wait(20)
    assert house.workers[-1].returncode == 0


@pytest.mark.parametrize("user", USERS)
def test_what_a_user_may_not_do_is_noted(house: House, user: str) -> None:
    # The control of all that is said here: the log shows a refusal.
    with redis.Redis.from_url(address(house.redis.url, user)) as client, pytest.raises(redis.ResponseError):
        client.keys()
    assert f"{user}: keys (toplevel)" in refusals(house.admin)
