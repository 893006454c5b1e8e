"""RQ's own `rq worker` and `rq info` on our jobs, and our reading of what plain RQ programs enqueue."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis

from pollable.model import Failure, Job, State
from tests.jobs.workbench import Workbench, until
from tests.rq.processes import BIN, LEASE_S, ROOT, environment, finished, running, worker

SERIALIZERS = ["pollable.serializer.JSON", "json"]
PLAIN_PROGRAM = """
import sys
from redis import Redis
from rq import Queue
from tests.rq.rqjobs import plainly_doubled, plainly_failing

url, serializer, result = sys.argv[1:]
queue = Queue("theirs", connection=Redis.from_url(url), serializer=serializer)
function = plainly_doubled if result == "doubled" else plainly_failing
print(queue.enqueue(function, 21, result_ttl=60, failure_ttl=60).id)
"""


def submit(bench: Workbench, name: str, **payload: object) -> str:
    return bench.submit(bench.catalog.get(name), payload=json.dumps(payload).encode(), context=b'{"p":"1"}').id


def has_ended(job: Job) -> bool:
    return job.state.is_final


def enqueued_by_a_plain_program(redis_url: str, serializer: str, result: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_PROGRAM, redis_url, serializer, result],
        env=environment(redis_url), cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_plain_rq_worker_runs_our_jobs_to_their_end(bench: Workbench, redis_url: str, serializer: str) -> None:
    good, large = submit(bench, "double"), submit(bench, "double", size=10_000)
    bad = submit(bench, "from_file", file="/no/such/file")
    finished(redis_url, "rq", "worker", "--burst", "--serializer", serializer, "-u", redis_url, "pollable")
    done = bench.read(good)
    assert (done.state, done.progress, done.attempts) == (State.SUCCEEDED, 100, 1)
    assert json.loads(done.result or b"") == {"doubled": 42, "text": "", "context": {"p": "1"}}
    assert len(json.loads(bench.read(large).result or b"")["text"]) == 10_000
    assert bench.read(bad).error == Failure("no_file", "The file is not there yet.")
    for job_id in (good, large, bad):
        assert bench.redis.ttl(f"rq:job:{job_id}") > 0
    assert bench.rq_hash(good)["status"] == b"finished"
    assert bench.rq_hash(bad)["status"] == b"failed"


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_a_plain_rq_worker_makes_every_attempt(bench: Workbench, redis_url: str, serializer: str) -> None:
    job_id = submit(bench, "fragile")
    finished(redis_url, "rq", "worker", "--burst", "--serializer", serializer, "-u", redis_url, "pollable")
    job = bench.read(job_id)
    assert (job.state, job.attempts, job.error) == (
        State.FAILED,
        2,
        Failure("exception", "The job failed: RuntimeError."),
    )
    assert bench.queued() == []


def test_a_plain_rq_worker_keeps_the_lease_of_a_long_job(bench: Workbench, redis_url: str, log: Path) -> None:
    job_id = submit(bench, "double", pause_s=2.5 * LEASE_S)
    with running(redis_url, _rq_worker(redis_url), log):
        ended = until(lambda: bench.read(job_id), has_ended, meanwhile=lambda: bench.reap(lease_s=LEASE_S))
    assert (ended.state, ended.attempts) == (State.SUCCEEDED, 1)


def test_a_job_under_a_plain_rq_worker_is_stopped_on_request(bench: Workbench, redis_url: str, log: Path) -> None:
    job_id = submit(bench, "double", pause_s=60)
    with running(redis_url, _rq_worker(redis_url), log):
        until(lambda: bench.read(job_id).progress, lambda progress: progress == 50)
        assert bench.cancel(job_id).state is State.RUNNING
        ended = until(lambda: bench.read(job_id), has_ended, meanwhile=lambda: bench.reap(lease_s=LEASE_S))
    assert (ended.state, ended.rq_status) == (State.CANCELLED, "stopped")


def test_rq_info_shows_our_queues_and_our_worker(bench: Workbench, redis_url: str, log: Path) -> None:
    for queue in ("pollable", "pollable", "pollable-low"):
        bench.submit(bench.catalog.get("double"), queue=queue)
    shown = finished(redis_url, "rq", "info", "--raw", "-u", redis_url)
    assert "queue pollable 2" in shown
    assert "queue pollable-low 1" in shown
    with worker(redis_url, log):
        until(
            lambda: finished(redis_url, "rq", "info", "--raw", "--only-workers", "-u", redis_url),
            lambda shown: "pollable-high, pollable, pollable-low" in shown,
        )


@pytest.mark.parametrize("status", ["finished", "failed"])
@pytest.mark.parametrize("serializer", ["pickle", "json", "pollable.serializer.JSON"])
def test_a_plain_rq_programs_job_is_read(bench: Workbench, redis_url: str, serializer: str, status: str) -> None:
    result = "doubled" if status == "finished" else "failing"
    job_id = enqueued_by_a_plain_program(redis_url, serializer, result)
    waiting = bench.read(job_id)
    assert (waiting.state, waiting.type) == (State.QUEUED, f"tests.rq.rqjobs.plainly_{result}")
    finished(redis_url, "rq", "worker", "--burst", "--serializer", serializer, "-u", redis_url, "theirs")
    job = bench.read(job_id)
    assert job.rq_status == status
    assert job.started_at is not None
    assert job.ended_at is not None
    assert job.expires_at is not None
    if status == "failed":
        assert job.error == Failure("exception", "The job failed: ValueError.")
    elif serializer == "pickle":
        assert (job.result, job.error and job.error.code) == (None, "result_unreadable")
    else:
        assert (job.result, job.error) == (b"42", None)


def test_our_worker_runs_nothing_but_our_function(bench: Workbench, redis_url: str, log: Path, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    finished(
        redis_url, "rq", "enqueue", "--serializer", "json", "-u", redis_url, "--queue", "pollable",
        "--failure-ttl", "60", "pathlib.Path.touch", str(mark),
    )  # fmt: skip
    honest = submit(bench, "double")
    with worker(redis_url, log):
        until(lambda: bench.read(honest), has_ended)
    assert bench.read(honest).state is State.SUCCEEDED
    assert not mark.exists()
    assert (bench.redis.llen("rq:queue:pollable"), bench.redis.zcard("rq:failed:pollable")) == (1, 0)


def test_our_worker_and_a_plain_one_share_a_queue_and_every_job_runs_once(
    bench: Workbench, redis_url: str, log: Path
) -> None:
    ids = [submit(bench, "double", number=number) for number in range(12)]
    with worker(redis_url, log), running(redis_url, _rq_worker(redis_url), log):
        for job_id in ids:
            until(lambda job_id=job_id: bench.read(job_id), has_ended, within_s=30)  # type: ignore[misc]
    jobs = [bench.read(job_id) for job_id in ids]
    assert [json.loads(job.result or b"")["doubled"] for job in jobs] == [number * 2 for number in range(12)]
    assert {job.attempts for job in jobs} == {1}


def test_after_kill_9_of_a_plain_rq_worker_and_its_horse_the_job_ends(
    bench: Workbench, redis_url: str, log: Path, redis_client: Redis
) -> None:
    job_id = submit(bench, "double", pause_s=60)
    with running(redis_url, _rq_worker(redis_url), log) as process:
        until(lambda: bench.read(job_id).progress, lambda progress: progress == 50)
        _kill_all(process.pid)
        began = time.monotonic()
        ended = until(lambda: bench.read(job_id), has_ended, meanwhile=lambda: bench.reap(lease_s=LEASE_S))
    assert (ended.state, ended.error and ended.error.code) == (State.FAILED, "worker_lost")
    assert time.monotonic() - began < 15
    assert redis_client.zscore("rq:failed:pollable", job_id) is not None


def _rq_worker(redis_url: str) -> list[str | Path]:
    return [BIN / "rq", "worker", "--serializer", "pollable.serializer.JSON", "-u", redis_url, "pollable"]


def _kill_all(pid: int) -> None:
    # The horse leads a group of its own, so that the worker can kill it.
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in (pid, *map(int, children)):
        subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(each)], check=True)
