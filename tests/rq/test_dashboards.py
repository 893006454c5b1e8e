"""Two instances of rq-dashboard on one Redis, one for pickle and one for JSON: what each shows and does."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pollable.cli.embedded import Private
from pollable.model import State
from tests.jobs.workbench import Workbench, until
from tests.rq.processes import BIN, finished, listens, running, worker
from tests.rq.test_rq_worker import enqueued_by_a_plain_program, has_ended, submit
from tests.system.running import free_port

SIGNED_IN = ("ops", "secret")
INSTANCES = {"pickle": [], "json": ["--json"]}


@pytest.fixture(scope="module")
def dashboards(emptied_redis: Private, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx.Client]]:
    log = tmp_path_factory.mktemp("dashboards") / "log"
    with ExitStack() as stack:
        yield {name: _instance(stack, emptied_redis.url, log, name) for name in INSTANCES}


def _instance(stack: ExitStack, redis_url: str, log: Path, name: str) -> httpx.Client:
    port = str(free_port())
    command = [str(BIN / "rq-dashboard"), *INSTANCES[name], "--redis-url", redis_url, "--bind", "127.0.0.1"]
    options = ["--port", port, "--username", SIGNED_IN[0], "--password", SIGNED_IN[1]]
    stack.enter_context(running(redis_url, [*command, *options], log))
    client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, auth=SIGNED_IN))
    until(lambda: listens(client, "/0/data/queues.json"), bool)
    return client


def _status(client: httpx.Client, path: str) -> int:
    return client.get(f"/0/data/{path}.json").status_code


@pytest.mark.parametrize("name", INSTANCES)
def test_it_lets_nobody_in_without_the_password(dashboards: dict[str, httpx.Client], name: str) -> None:
    asked = httpx.get(f"{dashboards[name].base_url}/0/data/queues.json", trust_env=False)
    assert asked.status_code == 401


def test_each_lists_the_finished_jobs_of_its_own_serializer_alone(
    bench: Workbench, redis_url: str, dashboards: dict[str, httpx.Client], log: Path
) -> None:
    job_id = submit(bench, "double")
    with worker(redis_url, log):
        until(lambda: bench.redis.zscore("rq:finished:pollable", job_id), lambda score: score is not None)
    enqueued_by_a_plain_program(redis_url, "pickle", "doubled")
    finished(redis_url, "rq", "worker", "--burst", "-u", redis_url, "theirs")
    seen = {
        (name, queue): _status(client, f"jobs/{queue}/finished/8/asc/1")
        for name, client in dashboards.items()
        for queue in ("theirs", "pollable")
    }
    assert seen == {
        ("pickle", "theirs"): 200,
        ("pickle", "pollable"): 500,
        ("json", "theirs"): 500,
        ("json", "pollable"): 200,
    }


@pytest.mark.parametrize("name", INSTANCES)
@pytest.mark.parametrize("registry", ["queued", "failed"])
def test_both_list_what_waits_and_what_failed(
    bench: Workbench, redis_url: str, dashboards: dict[str, httpx.Client], log: Path, name: str, registry: str
) -> None:
    job_id = submit(bench, "from_file", file="/no/such/file")
    enqueued_by_a_plain_program(redis_url, "pickle", "failing")
    if registry == "failed":
        finished(redis_url, "rq", "worker", "--burst", "-u", redis_url, "theirs")
        with worker(redis_url, log):
            until(lambda: bench.redis.zscore("rq:failed:pollable", job_id), lambda score: score is not None)
    for queue in ("theirs", "pollable"):
        answer = dashboards[name].get(f"/0/data/jobs/{queue}/{registry}/8/asc/1.json")
        assert answer.status_code == 200
        assert len(answer.json()["jobs"]) == 1


@pytest.mark.parametrize("name", INSTANCES)
def test_neither_shows_workers_while_one_is_busy_with_a_json_job(
    bench: Workbench, redis_url: str, dashboards: dict[str, httpx.Client], log: Path, name: str
) -> None:
    with worker(redis_url, log):
        until(lambda: bench.redis.scard("rq:workers"), lambda number: number == 1)
        assert _status(dashboards[name], "workers") == 200
        job_id = submit(bench, "double", pause_s=1)
        until(lambda: bench.read(job_id).progress, lambda progress: progress == 50)
        assert _status(dashboards[name], "workers") == 500
        assert "pollable-high" in finished(redis_url, "rq", "info", "--raw", "--only-workers", "-u", redis_url)
        until(lambda: bench.read(job_id), has_ended)


@pytest.mark.parametrize("name", INSTANCES)
def test_both_requeue_a_failed_job_of_ours(
    bench: Workbench, redis_url: str, dashboards: dict[str, httpx.Client], log: Path, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "pages.txt"
    job_id = submit(bench, "from_file", file=str(file))
    with worker(redis_url, log):
        until(lambda: bench.redis.zscore("rq:failed:pollable", job_id), lambda score: score is not None)
        file.write_text("eight pages")
        assert dashboards[name].post(f"/job/{job_id}/requeue").json() == {"status": "OK"}
        ended = until(lambda: bench.read(job_id), lambda job: job.state is State.SUCCEEDED)
    assert ended.result == b'"eight pages"'


def test_a_mere_link_requeues(bench: Workbench, redis_url: str, dashboards: dict[str, httpx.Client], log: Path) -> None:
    job_id = submit(bench, "from_file", file="/no/such/file")
    with worker(redis_url, log):
        until(lambda: bench.redis.zscore("rq:failed:pollable", job_id), lambda score: score is not None)
    assert dashboards["json"].get("/requeue/pollable").json() == {"count": 1, "status": "OK"}
    assert bench.read(job_id).state is State.QUEUED
