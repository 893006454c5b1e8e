"""The reaper: whoever is lost on the way is put back on it, or ended; and nobody else."""

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.registry import FailedJobRegistry, StartedJobRegistry

from pollable.jobs import reaper
from pollable.jobs.reaper import Pass, Reaper, ReaperThread
from pollable.model import Failure, Job, State
from pollable.serializer import JSON
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async
from pollable.storage.scripts import source
from pollable.worker.claims import Claim, Progress, Reception, Settlement
from tests.jobs.workbench import LEASE_S, ONCE, PATIENT, STRANGER, THRICE, URGENT, Workbench, job_type, until
from tests.keyspace import LEASES, pending, rq_job

LOST = Failure("worker_lost", "The worker that ran the job was lost.")

NOTHING = {"queued": 0, "failed": 0, "cancelled": 0, "pushed": 0}


def has_ended(job: Job) -> bool:
    return job.state.is_final


def is_queued(job: Job) -> bool:
    return job.state is State.QUEUED


def is_back(bench: Workbench, job_id: str) -> bool:
    return job_id in bench.queued()


def test_a_lost_workers_job_with_attempts_left_goes_to_the_front_of_its_queue(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    bench.pop()
    bench.claim(job.id, lease_s=0.05)
    other = bench.submit(THRICE)
    back = bench.reap_until(job.id, is_queued)
    assert (back.attempts, back.progress, back.stalled) == (1, 0, False)
    assert bench.queued() == [job.id, other.id]
    assert bench.rq_hash(job.id)["status"] == b"queued"
    assert bench.rq_hash(job.id)["retries_left"] == b"1"
    assert bench.claim(job.id).attempt == 2


def test_a_lost_workers_job_without_attempts_left_fails_as_worker_lost(bench: Workbench) -> None:
    job = bench.submit(ONCE)
    bench.claim(job.id, lease_s=0.05)
    ended = bench.reap_until(job.id, has_ended)
    assert (ended.state, ended.rq_status, ended.error) == (State.FAILED, "failed", LOST)
    assert bench.queued() == [job.id], "the id that was never popped is refused at its claim"
    for key in (keys.record(job.id), rq_job(job.id)):
        assert bench.redis.ttl(key) > 0


def test_after_worker_lost_rq_agrees(bench: Workbench) -> None:
    job = bench.submit(ONCE)
    bench.pop()
    rq_job = RQJob.fetch(job.id, connection=bench.redis, serializer=JSON)
    with bench.redis.pipeline() as pipeline:
        # What RQ's worker writes as it begins a job.
        Execution.create(rq_job, ttl=600, pipeline=pipeline)
        rq_job.prepare_for_execution("worker-7", pipeline=pipeline)
        pipeline.execute()
    assert StartedJobRegistry("pollable", connection=bench.redis).get_job_ids(cleanup=False) == [job.id]
    bench.claim(job.id, lease_s=0.05)
    bench.reap_until(job.id, has_ended)
    assert StartedJobRegistry("pollable", connection=bench.redis).get_job_ids(cleanup=False) == []
    assert FailedJobRegistry("pollable", connection=bench.redis).get_job_ids(cleanup=False) == [job.id]
    assert rq_job.get_status() == "failed"
    assert [key for key in bench.snapshot() if key.startswith("rq:execution")] == []


def test_a_lost_workers_job_that_shall_be_cancelled_is_cancelled(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    bench.claim(job.id, lease_s=0.05)
    bench.cancel(job.id)
    ended = bench.reap_until(job.id, has_ended)
    assert (ended.state, ended.rq_status) == (State.CANCELLED, "stopped")
    assert bench.rq_hash(job.id)["status"] == b"stopped"


def test_a_lease_that_is_renewed_is_left_alone(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    claim = bench.claim(job.id)
    start = time.monotonic()
    while time.monotonic() - start < 3 * LEASE_S:
        assert bench.claims.renew(claim) == "held"
        assert bench.reap() == NOTHING
        time.sleep(0.02)
    assert bench.read(job.id).attempts == 1


def test_a_waiting_job_whose_rq_hash_an_operator_deleted_is_cancelled(bench: Workbench) -> None:
    job = bench.submit()
    RQJob.fetch(job.id, connection=bench.redis, serializer=JSON).delete()
    ended = bench.reap_until(job.id, has_ended)
    assert (ended.state, ended.rq_status) == (State.CANCELLED, "canceled")
    assert bench.queued() == []


def test_a_running_job_whose_rq_hash_an_operator_deleted_is_cancelled_when_its_worker_is_lost(
    bench: Workbench,
) -> None:
    job = bench.submit(THRICE)
    bench.pop()
    bench.claim(job.id, lease_s=0.05)
    bench.redis.delete(rq_job(job.id))
    ended = bench.reap_until(job.id, has_ended)
    assert ended.state is State.CANCELLED
    assert not bench.redis.exists(rq_job(job.id))


def test_an_id_that_was_popped_and_never_claimed_is_pushed_back_after_a_lease(bench: Workbench) -> None:
    job = bench.submit()
    bench.pop()
    # The reaper leaves the newest of the waiting jobs alone; this one is not among them.
    bench.redis.zadd(pending("pollable"), {job.id: job.created_at - 60_000})
    popped_at = time.monotonic()
    until(lambda: is_back(bench, job.id), bool, meanwhile=bench.reap)
    assert time.monotonic() - popped_at >= LEASE_S
    assert bench.redis.llen("rq:queue:pollable:intermediate") == 0
    assert (bench.read(job.id).state, bench.read(job.id).attempts) == (State.QUEUED, 0)
    assert bench.claim(job.id).attempt == 1


def test_a_stranded_job_is_pushed_once(bench: Workbench) -> None:
    job = bench.submit()
    bench.pop()
    until(lambda: is_back(bench, job.id), bool, meanwhile=bench.reap)
    start = time.monotonic()
    while time.monotonic() - start < 3 * LEASE_S:
        bench.reap()
        time.sleep(0.02)
    assert bench.queued() == [job.id]


def test_jobs_that_wait_in_their_queue_are_left_where_they_are(bench: Workbench) -> None:
    ids = [bench.submit().id for _ in range(5)]
    start = time.monotonic()
    while time.monotonic() - start < 1 + 2 * LEASE_S:
        assert bench.reap() == NOTHING
        time.sleep(0.05)
    assert bench.queued() == ids


def test_a_scheduled_job_that_no_scheduler_took_up_is_pushed(bench: Workbench) -> None:
    job = bench.submit(delay_ms=60_000)
    # As it looks a minute and a half later, with no scheduler alive.
    _age(bench, job.id, seconds=90)
    until(lambda: is_back(bench, job.id), bool, meanwhile=bench.reap)
    assert bench.redis.zcard("rq:scheduled:pollable") == 0
    assert bench.read(job.id).state is State.QUEUED


def test_a_retry_that_rq_never_scheduled_is_pushed_when_it_is_due(bench: Workbench) -> None:
    claim = bench.start(PATIENT)
    assert bench.fail(claim, may_retry=True, delay_s=1) == Settlement(Reception.RETRY, "scheduled", 1, 2)
    until(lambda: is_back(bench, claim.job_id), bool, meanwhile=bench.reap)
    assert bench.claim(claim.job_id).attempt == 2


def test_a_scheduled_job_is_left_alone_before_its_time(bench: Workbench) -> None:
    job = bench.submit(delay_ms=60_000)
    for _ in range(5):
        assert bench.reap() == NOTHING
    assert bench.read(job.id).state is State.SCHEDULED


def test_after_a_pause_of_the_reaper_workers_get_one_lease_to_renew(bench: Workbench) -> None:
    silent, alive = bench.submit(THRICE), bench.submit(THRICE)
    bench.claim(silent.id, lease_s=0.01)
    claim = bench.claim(alive.id, lease_s=0.01)
    long_ago = int(time.time() * 1000) - 3_600_000
    bench.redis.hset(f"{keys.PREFIX}reaper", mapping={"since": long_ago, "last": long_ago})
    began = time.monotonic()
    assert bench.reap() == NOTHING
    assert bench.claims.renew(claim) == "held"
    bench.reap_until(silent.id, is_queued)
    assert time.monotonic() - began >= LEASE_S
    assert (bench.read(alive.id).state, bench.read(alive.id).attempts) == (State.RUNNING, 1)


def test_the_first_reaper_of_all_reaps_nobody_for_one_lease(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    bench.claim(job.id, lease_s=0.01)
    began = time.monotonic()
    bench.reap_until(job.id, is_queued)
    assert time.monotonic() - began >= LEASE_S


def test_a_strangers_and_an_owners_lost_jobs_are_reaped_alike(bench: Workbench) -> None:
    lost = [bench.submit(owner=STRANGER).id, bench.submit(URGENT).id]
    for job_id in lost:
        bench.claim(job_id, lease_s=0.05)
    for job_id in lost:
        until(lambda job_id=job_id: bench.read(job_id, owner=None), has_ended, meanwhile=bench.reap)  # type: ignore[misc]


def test_more_lost_jobs_than_one_pass_takes_are_all_reaped(bench: Workbench) -> None:
    for job_id in [bench.submit(ONCE).id for _ in range(250)]:
        bench.claim(job_id, lease_s=0.05)
    until(lambda: bench.redis.zcard(LEASES), lambda left: left == 0, within_s=60, meanwhile=bench.reap)
    assert bench.redis.zcard("rq:failed:pollable") == 250


def test_two_reapers_do_not_get_in_each_others_way(settings: Settings, real_bench: Workbench) -> None:
    script = real_bench.redis.register_script(source("reap"))
    arguments = reaper.arguments(settings, lease_ms=6000, every_ms=1500)
    assert Pass.of(script(args=arguments)).counts == NOTHING
    refused = Pass.of(script(args=arguments))
    assert refused.counts == {}
    # Nothing waits or runs.
    assert 4 < refused.pause_s <= 4.5


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_the_reaper_of_a_process_reaps(kind: str, redis_url: str, real_bench: Workbench) -> None:
    settings = Settings(redis_url=redis_url, lease_s=LEASE_S)
    job = real_bench.submit(job_type("brief"))
    real_bench.claim(job.id, lease_s=0.05)
    if kind == "thread":
        _watch_a_thread(settings, real_bench, job)
    else:
        real_bench.run(_watch_a_task(settings, real_bench, job))


def test_a_worker_that_was_only_slow_is_told_that_its_attempt_is_lost(bench: Workbench) -> None:
    job = bench.submit(THRICE)
    slow = bench.claim(job.id, lease_s=0.05)
    bench.reap_until(job.id, is_queued)
    assert bench.claims.renew(slow) == "lost"
    assert isinstance(bench.claim(job.id), Claim)
    assert bench.claims.renew(slow, progress=Progress(90, "still here")) == "lost"
    assert bench.read(job.id).progress == 0


def _watch_a_thread(settings: Settings, bench: Workbench, job: Job) -> None:
    thread = ReaperThread(lambda: connect_async(settings), settings)
    thread.start()
    until(lambda: bench.read(job.id), has_ended)
    thread.stop()
    until(lambda: [each.name for each in threading.enumerate()], lambda names: "reaper" not in names)


async def _watch_a_task(settings: Settings, bench: Workbench, job: Job) -> None:
    client, over = bench.backend.connect_async(), asyncio.Event()
    reaping = asyncio.create_task(Reaper(client, settings).run(over))
    await asyncio.to_thread(
        until, lambda: bench.redis.hget(keys.record(job.id), "state"), lambda state: state == b"failed"
    )
    over.set()
    await asyncio.wait_for(reaping, timeout=5)
    await client.aclose()


def _age(bench: Workbench, job_id: str, *, seconds: int) -> None:
    due_ms = bench.read(job_id).run_at
    assert due_ms is not None
    due = datetime.fromtimestamp(due_ms / 1000 - seconds, tz=UTC)
    bench.redis.hset(keys.record(job_id), "run_at", int(due.timestamp() * 1000))
    bench.redis.zadd(pending("pollable"), {job_id: int(due.timestamp() * 1000)})
    bench.redis.zadd("rq:scheduled:pollable", {job_id: int(due.timestamp())})
