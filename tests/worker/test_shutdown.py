"""SIGTERM, at every moment at which it may come."""

import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial

import pytest
from redis import Redis
from rq.command import send_shutdown_command

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Entry, Journal
from tests.worker.staff import Staff, WorkerProcess
from tests.worker.waiting import forked_by, until

GRACE_S = 6.0
PUSHES = 20
LONG = {"nap_s": 60, "succeeds_on": 2}


def test_a_job_that_ends_within_the_grace_is_finished(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 2})
    journal.started(job_id)
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=25) == 0
    assert desk.ended(job_id).state is State.SUCCEEDED
    assert journal.executions(job_id) == 1


def test_a_worker_that_was_told_to_stop_takes_no_other_job(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start()
    running, waiting = desk.submit("nap", plan={"nap_s": 1}), desk.submit("nap")
    journal.started(running)
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=25) == 0
    assert desk.ended(running).state is State.SUCCEEDED
    assert (desk.read(waiting).state, journal.executions(waiting)) == (State.QUEUED, 0)


def test_a_long_job_is_handed_back_within_the_grace_and_finished_by_another_worker(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    worker = staff.start("--grace-s", str(GRACE_S))
    job_id = desk.submit("long_at_first", plan=LONG, max_attempts=2)
    journal.started(job_id)
    told_at = time.monotonic()
    worker.send(signal.SIGTERM)
    desk.until(job_id, lambda job: job.state is State.QUEUED and job.attempts == 1, within_s=GRACE_S)
    assert worker.exited(within_s=GRACE_S) == 0
    assert time.monotonic() - told_at < GRACE_S
    staff.start()
    job = desk.ended(job_id)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, b"2", 2)


def test_a_long_job_without_attempts_left_fails_within_the_grace(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start("--grace-s", str(GRACE_S))
    job_id = desk.submit("nap", plan={"nap_s": 60})
    journal.started(job_id)
    worker.send(signal.SIGTERM)
    job = desk.ended(job_id, within_s=GRACE_S)
    assert job.error is not None
    assert (job.state, job.error.code) == (State.FAILED, "worker_lost")
    assert worker.exited(within_s=GRACE_S) == 0


def to_worker_and_horse(worker: WorkerProcess, horse: Entry) -> None:
    """As a platform does that signals each process."""
    worker.send_group(signal.SIGTERM)
    os.killpg(horse.pid, signal.SIGTERM)


def to_crew_and_members(crew: WorkerProcess, _horse: Entry) -> None:
    """As Ctrl-C does; the members are told by their crew as well."""
    crew.send_group(signal.SIGINT)


@pytest.mark.parametrize(
    ("arguments", "tell"), [((), to_worker_and_horse), (("--workers", "2"), to_crew_and_members)], ids=["one", "crew"]
)
def test_a_signal_to_every_process_lets_the_job_finish(
    desk: Desk, staff: Staff, journal: Journal, arguments: tuple[str, ...], tell: Callable[[WorkerProcess, Entry], None]
) -> None:
    worker = staff.hire(*arguments)
    job_id = desk.submit("nap", plan={"nap_s": 2})
    tell(worker, journal.started(job_id))
    assert desk.ended(job_id).state is State.SUCCEEDED
    assert worker.exited(within_s=25) == 0


def test_a_second_signal_later_on_hands_the_job_back_at_once(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start("--grace-s", "60")
    job_id = desk.submit("long_at_first", plan=LONG, max_attempts=2)
    journal.started(job_id)
    worker.send(signal.SIGTERM)
    until(lambda: journal.runs_on(job_id, for_s=1.5), within_s=10, what="the job running on")
    assert desk.read(job_id).state is State.RUNNING
    worker.send(signal.SIGTERM)
    desk.until(job_id, lambda job: job.state is State.QUEUED and job.attempts == 1, within_s=5)
    assert worker.exited(within_s=8) == 0


def is_empty(redis_client: Redis, queue: str) -> bool:
    return redis_client.llen(f"rq:queue:{queue}") == 0


@pytest.mark.parametrize("moment", ["push", "pop"])
def test_no_job_is_stranded_by_a_signal_within_four_milliseconds(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis, moment: str
) -> None:
    # Two queues a worker: the case in which a blocking pop would lose the job.
    queues = [(f"first{number}", f"second{number}") for number in range(PUSHES)]
    # The last is that of the job types.
    every_queue = ",".join([*(queue for pair in queues for queue in pair), "pollable"])
    delays_s = random.Random(4)
    jobs: list[str] = []
    workers: list[WorkerProcess] = []
    for batch in (queues[at : at + 4] for at in range(0, PUSHES, 4)):
        hired = [staff.hire("--queues", ",".join(pair), POLLABLE_QUEUES=every_queue) for pair in batch]
        for worker, (_, second) in zip(hired, batch, strict=True):
            staff.until_listening(worker)
            jobs.append(desk.submit("nap", queue=second))
            if moment == "pop":
                until(partial(is_empty, redis_client, second), within_s=10, what="the pop", every_s=0)
            time.sleep(delays_s.uniform(0, 0.004))
            worker.send(signal.SIGTERM)
        workers += hired
    assert {worker.exited(within_s=25) for worker in workers} == {0}
    staff.start("--queues", every_queue, POLLABLE_QUEUES=every_queue)
    assert {desk.ended(job_id).state for job_id in jobs} == {State.SUCCEEDED}
    assert [journal.executions(job_id) for job_id in jobs] == [1] * PUSHES


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one", "crew"])
def test_a_signal_that_comes_as_processes_are_forked_is_obeyed(
    desk: Desk, staff: Staff, arguments: tuple[str, ...]
) -> None:
    desk.submit("nap")
    # Each forked process is slow to set its own handlers, as on a loaded machine.
    worker = staff.hire(*arguments, ACTS_SLOW_FORK_S="0.6")
    until(lambda: forked_by(worker.pid), within_s=20, what="a forked process")
    worker.send(signal.SIGTERM)
    assert worker.exited(within_s=10) == 0


def test_an_idle_worker_goes_when_rq_tells_it_to(redis_client: Redis, staff: Staff) -> None:
    worker = staff.start()
    send_shutdown_command(redis_client, staff.only_name())
    assert worker.exited(within_s=10) == 0
