"""Workers and work-horses that are killed, each in the middle of a job."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from redis import Redis

from pollable.model import State
from pollable.settings import Settings
from tests.jobs import counted
from tests.worker.desk import Desk
from tests.worker.journal import Entry, Journal
from tests.worker.staff import Staff, WorkerProcess
from tests.worker.waiting import is_alive, until

PROMISE_S = 15
WOULD_END_S = 4
"""After the lease, so that an end of its own would be a second one."""


def kill_both(worker: WorkerProcess, horse: Entry) -> None:
    worker.send(signal.SIGKILL)
    # It may have followed its worker already.
    with suppress(ProcessLookupError):
        os.kill(horse.pid, signal.SIGKILL)


def kill_worker(worker: WorkerProcess, _horse: Entry) -> None:
    worker.send(signal.SIGKILL)


def kill_horse(_worker: WorkerProcess, horse: Entry) -> None:
    os.kill(horse.pid, signal.SIGKILL)


CODES = {kill_both: "worker_lost", kill_worker: "worker_lost", kill_horse: "killed"}
victims = pytest.mark.parametrize("kill", CODES, ids=["worker_and_horse", "worker", "horse"])


@victims
def test_a_job_with_attempts_left_is_run_again_once(
    desk: Desk, staff: Staff, journal: Journal, kill: Callable[[WorkerProcess, Entry], None]
) -> None:
    worker = staff.start()
    job_id = desk.submit("long_at_first", plan={"nap_s": 60, "succeeds_on": 2}, max_attempts=3)
    horse = journal.started(job_id)
    staff.start()
    kill(worker, horse)
    job = desk.ended(job_id, within_s=PROMISE_S)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, b"2", 2)
    assert journal.executions(job_id) == 2


@victims
def test_a_job_without_attempts_left_fails_and_stays_failed(
    desk: Desk, staff: Staff, journal: Journal, kill: Callable[[WorkerProcess, Entry], None]
) -> None:
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": WOULD_END_S})
    kill(worker, journal.started(job_id))
    staff.start()
    job = desk.ended(job_id, within_s=PROMISE_S)
    assert job.state is State.FAILED
    assert job.error is not None
    assert job.error.code == CODES[kill]
    # Long enough for the horse to have ended, had it lived. The desk sees to it that nothing changes.
    until(lambda: journal.runs_on(job_id, for_s=WOULD_END_S + 1), within_s=60, what="the watch over")
    assert not journal.entries("end", job_id)


def test_the_default_lease_tells_of_a_lost_job_within_fifteen_seconds(
    redis_url: str, staff: Staff, journal: Journal
) -> None:
    settings = Settings(redis_url=redis_url)
    with Desk(settings) as desk:
        desk.reap()
        worker = staff.start(lease_s=settings.lease_s)
        job_id = desk.submit("nap", plan={"nap_s": 60})
        kill_both(worker, journal.started(job_id))
        job = desk.ended(job_id, within_s=PROMISE_S)
    assert job.error is not None
    assert job.error.code == "worker_lost"
    assert desk.violations == []


def test_the_shortest_lease_is_kept_while_its_worker_lives_and_runs_out_when_it_is_dead(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    for _ in range(2):
        staff.start(lease_s=1)
    healthy, lost = desk.submit("nap", plan={"nap_s": 3}), desk.submit("nap", plan={"nap_s": 60})
    assert desk.ended(healthy).state is State.SUCCEEDED
    os.kill(journal.started(lost).parent_pid, signal.SIGKILL)
    job = desk.ended(lost, within_s=PROMISE_S)
    assert job.error is not None
    assert job.error.code == "worker_lost"


def test_a_horse_dies_with_its_worker_within_a_second(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start()
    horse = journal.started(desk.submit("nap", plan={"nap_s": 60}))
    worker.send(signal.SIGKILL)
    until(lambda: not is_alive(horse.pid), within_s=1, what="the end of the horse")


def test_a_job_that_kills_its_horse_fails_after_its_attempts_and_harms_no_neighbour(
    desk: Desk, staff: Staff, journal: Journal
) -> None:
    staff.start()
    first = [desk.submit("nap") for _ in range(3)]
    pill = desk.submit("end_badly", plan={"what": "killed"}, max_attempts=3)
    neighbours = [*first, *(desk.submit("nap") for _ in range(3))]
    job = desk.ended(pill)
    assert job.error is not None
    assert (job.error.code, job.attempts, journal.executions(pill)) == ("killed", 3, 3)
    assert {desk.ended(neighbour).state for neighbour in neighbours} == {State.SUCCEEDED}
    assert {journal.executions(neighbour) for neighbour in neighbours} == {1}


def test_a_member_of_a_crew_that_is_killed_is_replaced(desk: Desk, staff: Staff, journal: Journal) -> None:
    crew = staff.hire("--workers", "2")
    until(lambda: len(staff.listening_pids()) == 2, within_s=20, what="two members listening")
    before = staff.listening_pids()
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(staff.listening_pids() - {min(before)}) == 2, within_s=20, what="a replacement")
    # Long enough that one of them cannot do both while the other looks away.
    naps = [desk.submit("nap", plan={"nap_s": 4}) for _ in range(2)]
    assert {desk.ended(nap).state for nap in naps} == {State.SUCCEEDED}
    members = {journal.started(nap).parent_pid for nap in naps}
    until(lambda: staff.listening_pids() == members, within_s=10, what="both members listening again")
    crew.send(signal.SIGTERM)
    assert crew.exited(within_s=10) == 0


def test_the_members_of_a_crew_die_with_it(staff: Staff) -> None:
    crew = staff.hire("--workers", "2")
    until(lambda: len(staff.listening_pids()) == 2, within_s=20, what="two members listening")
    members = staff.listening_pids()
    crew.send(signal.SIGKILL)
    until(lambda: not any(map(is_alive, members)), within_s=2, what="the end of the members")


def test_a_cancelled_job_whose_worker_died_ends_as_cancelled(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 60}, max_attempts=3)
    journal.started(job_id)
    worker.send(signal.SIGKILL)
    assert desk.cancel(job_id).state is State.RUNNING
    staff.start()
    assert desk.ended(job_id, within_s=PROMISE_S).state is State.CANCELLED
    assert journal.executions(job_id) == 1


def test_what_is_told_of_live_jobs_is_right_whoever_is_killed(
    desk: Desk, staff: Staff, journal: Journal, redis_url: str
) -> None:
    act = "long_at_first"
    with Redis.from_url(redis_url) as client:
        counted.tally(client)
        worker = staff.start()
        job_id = desk.submit(act, plan={"nap_s": 60, "succeeds_on": 2}, max_attempts=3)
        horse = journal.started(job_id)
        assert counted.gauge(client) == {("running", act): 1}
        desk.submit(act, delay_ms=600_000)
        kill_both(worker, horse)
        desk.reap()
        back = {("queued", act): 1, ("scheduled", act): 1}
        until(lambda: counted.gauge(client) == back, within_s=PROMISE_S, what="the job told as queued")
        staff.start()
        desk.ended(job_id, within_s=PROMISE_S)
        assert counted.gauge(client) == {("scheduled", act): 1}
        assert counted.agrees(client)
