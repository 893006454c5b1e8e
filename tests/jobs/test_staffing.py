"""Whether anybody can run what waits: told to who asks, and no reason to fail it."""

import logging

import pytest
from rq import Queue, Worker

from pollable.jobs.reaper import ReaperThread
from pollable.model import State
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async
from tests.jobs.workbench import LEASE_S, ONCE, THRICE, Workbench, until

UNKNOWN = "No living worker knows the job's type; the job begins once one does."


def test_a_job_whose_type_no_living_worker_knows_is_stalled(bench: Workbench) -> None:
    bench.announce("once")
    new, old = bench.submit(THRICE), bench.submit(ONCE)
    shown = bench.read(new.id)
    assert (shown.state, shown.stalled, shown.stalled_reason) == (State.QUEUED, True, UNKNOWN)
    assert not bench.read(old.id).stalled
    bench.announce("thrice")
    assert not bench.read(new.id).stalled


def test_a_worker_that_is_starting_is_waited_for(bench: Workbench) -> None:
    job = bench.submit()
    assert not bench.read(job.id).stalled
    age(bench, job.id, ms=5001)
    assert bench.read(job.id).stalled


def test_a_worker_that_is_silent_for_twenty_seconds_knows_nothing_any_more(bench: Workbench) -> None:
    bench.announce("once")
    job = bench.submit()
    age(bench, job.id, ms=6000)
    assert not bench.read(job.id).stalled
    bench.redis.zincrby(f"{keys.PREFIX}types:pollable", -20_000, "once")
    assert bench.read(job.id).stalled


def test_another_queues_workers_do_not_count(bench: Workbench) -> None:
    bench.announce("once", queues=["pollable-low"])
    job = bench.submit()
    age(bench, job.id, ms=6000)
    assert bench.read(job.id).stalled


def test_rqs_own_workers_may_know_every_type(bench: Workbench) -> None:
    job = bench.submit()
    age(bench, job.id, ms=6000)
    worker = Worker([Queue("pollable", connection=bench.redis)], connection=bench.redis)
    worker.register_birth()  # type: ignore[no-untyped-call]
    bench.reap()
    assert not bench.read(job.id).stalled
    worker.register_death()  # type: ignore[no-untyped-call]
    bench.redis.delete(f"{keys.PREFIX}types:pollable")
    bench.reap()
    assert bench.read(job.id).stalled


@pytest.mark.parametrize("state", [State.SCHEDULED, State.RUNNING, State.SUCCEEDED])
def test_only_a_job_that_waits_for_a_worker_is_stalled_for_want_of_one(bench: Workbench, state: State) -> None:
    bench.announce("another")
    if state is State.SCHEDULED:
        job_id = bench.submit(delay_ms=60_000).id
    else:
        claim = bench.start()
        job_id = claim.job_id
        if state is State.SUCCEEDED:
            bench.succeed(claim)
    assert (bench.read(job_id).state, bench.read(job_id).stalled) == (state, False)


def test_the_reaper_finds_the_types_that_nobody_knows_and_fails_nothing(bench: Workbench) -> None:
    bench.announce("once")
    new = bench.submit(THRICE)
    bench.submit(ONCE)
    for _ in range(3):
        assert bench.reaped().unknown_types == {"thrice"}
    assert bench.read(new.id).state is State.QUEUED
    bench.announce("thrice")
    assert bench.reaped().unknown_types == frozenset()


def test_a_type_that_nobody_knows_is_logged_once(
    redis_url: str, real_bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    real_bench.announce("once")
    real_bench.submit(THRICE)
    settings = Settings(redis_url=redis_url, lease_s=LEASE_S)
    reaper = ReaperThread(lambda: connect_async(settings), settings)
    passes: set[object] = set()
    with caplog.at_level(logging.WARNING, "pollable.reaper"):
        reaper.start()
        until(lambda: passes.add(real_bench.redis.hget(f"{keys.PREFIX}reaper", "last")), lambda _: len(passes) > 4)
        reaper.stop()
    told = [record.getMessage() for record in caplog.records]
    assert told == ["jobs of type thrice wait, and no living worker knows it"]


def test_what_a_worker_said_does_not_stay_for_ever(bench: Workbench) -> None:
    bench.announce("once")
    assert 0 < bench.redis.ttl(f"{keys.PREFIX}types:pollable") <= 7200


def test_the_name_of_a_worker_that_is_gone_leaves_rqs_sets(bench: Workbench) -> None:
    for name in ("rq:workers", "rq:workers:pollable"):
        bench.redis.sadd(name, "rq:worker:gone")
    until(lambda: bench.redis.smembers("rq:workers"), lambda names: not names, meanwhile=bench.reap)
    assert bench.redis.exists("rq:workers:pollable") == 0


def age(bench: Workbench, job_id: str, *, ms: int) -> None:
    """As the job looks when it has waited that long."""
    due_ms = bench.read(job_id).run_at
    assert due_ms is not None
    bench.redis.hset(keys.record(job_id), "run_at", due_ms - ms)
