"""rq-dashboard and `rq requeue` on our jobs: what operators see, and the one door out of a failure."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pollable.cli.embedded import Private
from pollable.model import Failure, Job, State
from tests.jobs.workbench import Workbench, until
from tests.rq.processes import BIN, LEASE_S, finished, running, worker
from tests.rq.test_rq_worker import has_ended, submit
from tests.system.running import free_port

Requeue = Callable[[str], None]


@pytest.fixture(scope="module")
def dashboard(emptied_redis: Private, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    port = free_port()
    log = tmp_path_factory.mktemp("dashboard") / "log"
    command: list[str | Path] = [
        BIN / "rq-dashboard", "--json", "--redis-url", emptied_redis.url, "--bind", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with (
        running(emptied_redis.url, command, log),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        until(lambda: _answers(client), bool, within_s=20)
        yield client


@pytest.fixture(params=["the dashboard", "rq requeue", "rq requeue --all"])
def requeue(request: pytest.FixtureRequest, redis_url: str, dashboard: httpx.Client) -> Requeue:
    command = ("rq", "requeue", "--queue", "pollable", "-u", redis_url, "--serializer", "json")
    ways: dict[str, Requeue] = {
        "the dashboard": lambda job_id: _posted(dashboard, f"/job/{job_id}/requeue"),
        "rq requeue": lambda job_id: _finished(redis_url, *command, job_id),
        "rq requeue --all": lambda _: _finished(redis_url, *command, "--all"),
    }
    return ways[request.param]


def data(dashboard: httpx.Client, path: str) -> Any:
    answer = dashboard.get(f"/0/data/{path}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(dashboard: httpx.Client, registry: str, queue: str = "pollable") -> list[str]:
    return [job["id"] for job in data(dashboard, f"jobs/{queue}/{registry}/50/asc/1")["jobs"]]


def failed_by(bench: Workbench, redis_url: str, log: Path, file: Path) -> Job:
    """A job that failed under our worker, which is gone again."""
    job_id = submit(bench, "from_file", file=str(file))
    with worker(redis_url, log):
        until(lambda: bench.read(job_id), has_ended)
        # RQ's own bookkeeping comes right after ours.
        until(lambda: bench.redis.zscore("rq:failed:pollable", job_id), lambda score: score is not None)
    job = bench.read(job_id)
    assert job.error == Failure("no_file", "The file is not there yet.")
    return job


def test_the_dashboard_lists_our_queues_and_the_jobs_in_them(bench: Workbench, dashboard: httpx.Client) -> None:
    ids = [submit(bench, "double") for _ in range(3)]
    bench.submit(bench.catalog.get("double"), queue="pollable-low")
    later = bench.submit(bench.catalog.get("double"), delay_ms=60_000).id
    counts = {queue["name"]: queue["count"] for queue in data(dashboard, "queues")["queues"]}
    assert counts == {"pollable": 3, "pollable-low": 1}
    assert listed(dashboard, "queued") == ids
    assert listed(dashboard, "scheduled") == [later]


def test_the_dashboard_opens_one_of_our_jobs_and_shows_nothing_of_its_payload(
    bench: Workbench, dashboard: httpx.Client
) -> None:
    job_id = submit(bench, "from_file", file="/very/secret")
    job = data(dashboard, f"job/{job_id}")
    assert (job["id"], job["status"], job["origin"]) == (job_id, "queued", "pollable")
    page = dashboard.get(f"/0/view/job/{job_id}")
    assert page.status_code == 200
    assert "secret" not in page.text + dashboard.get(f"/0/data/job/{job_id}.json").text


def test_the_dashboard_shows_results_failures_and_workers(
    bench: Workbench, redis_url: str, dashboard: httpx.Client, log: Path
) -> None:
    good, bad = submit(bench, "double"), submit(bench, "from_file", file="/no/such/file")
    with worker(redis_url, log):
        until(lambda: listed(dashboard, "finished"), lambda ids: ids == [good])
        until(lambda: listed(dashboard, "failed"), lambda ids: ids == [bad])
        (shown,) = data(dashboard, "workers")["workers"]
        assert shown["queues"] == ["pollable-high", "pollable", "pollable-low"]
    assert "42" in str(data(dashboard, f"job/{good}")["result"])
    assert "no_file" not in str(data(dashboard, f"job/{good}")["exc_info"])
    assert "no_file: The file is not there yet." in data(dashboard, f"job/{bad}")["exc_info"]


def test_a_requeued_failure_reads_queued_and_then_runs_again(
    bench: Workbench, redis_url: str, requeue: Requeue, log: Path, tmp_path: Path
) -> None:
    file = tmp_path / "pages.txt"
    failed = failed_by(bench, redis_url, log, file)
    requeue(failed.id)
    waiting = bench.read(failed.id)
    assert (waiting.state, waiting.rq_status, waiting.error) == (State.QUEUED, "queued", None)
    assert (waiting.ended_at, waiting.expires_at) == (None, None)
    file.write_text("eight pages")
    with worker(redis_url, log):
        ended = until(lambda: bench.read(failed.id), has_ended)
    assert (ended.state, ended.result, ended.error) == (State.SUCCEEDED, b'"eight pages"', None)
    assert (ended.attempts, ended.max_attempts, ended.started_at) == (2, 2, failed.started_at)


def test_a_requeued_failure_that_fails_again_is_failed_again(
    bench: Workbench, redis_url: str, requeue: Requeue, log: Path, tmp_path: Path
) -> None:
    failed = failed_by(bench, redis_url, log, tmp_path / "never there")
    requeue(failed.id)
    with worker(redis_url, log):
        until(lambda: bench.redis.zscore("rq:failed:pollable", failed.id), lambda score: score is not None)
        ended = until(lambda: bench.read(failed.id), has_ended)
    assert (ended.state, ended.attempts, ended.error) == (State.FAILED, 2, failed.error)
    assert bench.redis.ttl(f"rq:job:{failed.id}") > 0
    assert bench.queued() == []


def test_a_requeued_failure_can_be_cancelled_and_not_deleted_or_rerun(
    bench: Workbench, redis_url: str, requeue: Requeue, log: Path, tmp_path: Path
) -> None:
    failed = failed_by(bench, redis_url, log, tmp_path / "never there")
    requeue(failed.id)
    for verb in (bench.delete, bench.rerun):
        with pytest.raises(Exception, match="The job is queued"):
            verb(failed.id)
    assert bench.cancel(failed.id).state is State.CANCELLED
    assert bench.queued() == []
    assert bench.read(failed.id).error is None


def test_after_worker_lost_the_dashboard_agrees_and_can_requeue(
    bench: Workbench, redis_url: str, dashboard: httpx.Client, log: Path
) -> None:
    job_id = submit(bench, "double", pause_s=2)
    with worker(redis_url, log) as process:
        until(lambda: bench.read(job_id).progress, lambda progress: progress == 50)
        assert listed(dashboard, "started") == [job_id]
        process.kill()
        ended = until(lambda: bench.read(job_id), has_ended, meanwhile=lambda: bench.reap(lease_s=LEASE_S))
    assert ended.error == Failure("worker_lost", "The worker that ran the job was lost.")
    assert (listed(dashboard, "failed"), listed(dashboard, "started")) == ([job_id], [])
    assert data(dashboard, f"job/{job_id}")["status"] == "failed"
    _posted(dashboard, f"/job/{job_id}/requeue")
    assert bench.read(job_id).state is State.QUEUED
    with worker(redis_url, log):
        again = until(lambda: bench.read(job_id), has_ended)
    assert (again.state, again.attempts) == (State.SUCCEEDED, 2)


def test_a_waiting_job_that_is_deleted_in_the_dashboard_is_cancelled(bench: Workbench, dashboard: httpx.Client) -> None:
    job_id = submit(bench, "double")
    _posted(dashboard, f"/job/{job_id}/delete")
    ended = bench.reap_until(job_id, has_ended)
    assert (ended.state, ended.rq_status) == (State.CANCELLED, "canceled")
    assert listed(dashboard, "queued") == []


def test_a_queue_that_is_emptied_in_the_dashboard_cancels_its_jobs(bench: Workbench, dashboard: httpx.Client) -> None:
    ids = [submit(bench, "double") for _ in range(3)]
    _posted(dashboard, "/queue/pollable/queued/empty")
    assert [bench.reap_until(job_id, has_ended).state for job_id in ids] == [State.CANCELLED] * 3


def _posted(dashboard: httpx.Client, path: str) -> None:
    answer = dashboard.post(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "OK")


def _finished(redis_url: str, *command: str) -> None:
    finished(redis_url, *command)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/0/data/queues.json").status_code == 200
    except httpx.TransportError:
        return False
