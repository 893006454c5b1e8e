"""Workers that are silent for too long, and come back; jobs that are silent, and should be left alone."""

import os
import signal

from redis import Redis
from rq.job import Job as RQJob
from rq.job import JobStatus

from pollable.model import State
from pollable.serializer import JSON
from pollable.storage import keys
from tests.worker.conftest import LEASE_S
from tests.worker.desk import Desk
from tests.worker.journal import Entry, Journal
from tests.worker.staff import Staff, WorkerProcess
from tests.worker.waiting import is_alive, until


def freeze(worker: WorkerProcess, horse: Entry) -> None:
    worker.send(signal.SIGSTOP)
    os.kill(horse.pid, signal.SIGSTOP)


def late_outcomes(redis_client: Redis, job_id: str) -> int:
    return int(redis_client.hget(keys.record(job_id), "late_outcomes") or 0)


def test_the_late_result_of_a_frozen_worker_is_refused_and_counted(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 1.5}, max_attempts=2)
    horse = journal.started(job_id)
    freeze(worker, horse)
    staff.start()
    second = journal.started(job_id, times=2)
    assert desk.ended(job_id).result == str(second.pid).encode()
    until(lambda: journal.runs_on(job_id, for_s=LEASE_S), within_s=20, what="twice the lease over")
    # First the horse alone: its worker would end it before it could send anything.
    os.kill(horse.pid, signal.SIGCONT)
    until(lambda: late_outcomes(redis_client, job_id) == 1, within_s=10, what="the late outcome counted")
    worker.send(signal.SIGCONT)
    until(lambda: worker.pid in staff.listening_pids(), within_s=10, what="the thawed worker at work")
    assert journal.executions(job_id) == 2
    job = desk.read(job_id)
    assert (job.state, job.result, job.attempts) == (State.SUCCEEDED, str(second.pid).encode(), 2)
    assert any('"event":"refused"' in line and job_id in line for line in worker.log.splitlines())
    # The thawed worker is as good as new.
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED


def test_a_job_that_failed_while_its_worker_was_frozen_stays_failed(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 1})
    horse = journal.started(job_id)
    freeze(worker, horse)
    desk.reap()
    job = desk.ended(job_id)
    assert job.error is not None
    assert job.error.code == "worker_lost"
    os.kill(horse.pid, signal.SIGCONT)
    until(lambda: late_outcomes(redis_client, job_id) == 1, within_s=10, what="the late outcome counted")
    worker.send(signal.SIGCONT)
    until(lambda: not is_alive(horse.pid), within_s=10, what="the end of the horse")
    assert desk.read(job_id) == job


def test_a_worker_that_thaws_too_late_stops_its_horse(desk: Desk, staff: Staff, journal: Journal) -> None:
    worker = staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 60})
    horse = journal.started(job_id)
    worker.send(signal.SIGSTOP)
    desk.reap()
    assert desk.ended(job_id).state is State.FAILED
    worker.send(signal.SIGCONT)
    until(lambda: not is_alive(horse.pid), within_s=10, what="the end of the horse")
    assert not journal.entries("end", job_id)


def test_a_job_that_holds_the_interpreter_lock_keeps_its_lease(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start()
    staff.start()
    job_id = desk.submit("hold_lock", plan={"nap_s": LEASE_S * 2}, max_attempts=2)
    job = desk.ended(job_id)
    assert (job.state, job.attempts, journal.executions(job_id)) == (State.SUCCEEDED, 1, 1)


def test_a_horse_that_has_ended_its_job_may_take_its_time_to_tell_rq(
    desk: Desk, staff: Staff, redis_client: Redis
) -> None:
    worker = staff.start()
    job_id = desk.submit("end_badly", plan={"what": "slow_to_tell"})
    assert desk.ended(job_id).state is State.FAILED
    until(lambda: worker.pid in staff.listening_pids(), within_s=15, what="the horse's end")
    job = RQJob.fetch(job_id, connection=redis_client, serializer=JSON)
    result = job.latest_result()
    assert job.get_status() is JobStatus.FAILED
    assert result is not None
    assert "exception: The job failed: SlowToTell." in (result.exc_string or "")
    assert "SlowToTell: slow to tell" in worker.log
    assert "no longer ours" not in worker.log


def test_a_job_that_a_worker_took_and_never_began_is_pushed_back(desk: Desk, staff: Staff, redis_client: Redis) -> None:
    job_id = desk.submit("nap")
    # What a worker leaves that is killed between its pop and its claim.
    redis_client.lmove("rq:queue:pollable", "rq:queue:pollable:intermediate")
    staff.start()
    job = desk.ended(job_id, within_s=15)
    assert (job.state, job.attempts) == (State.SUCCEEDED, 1)
    assert redis_client.llen("rq:queue:pollable:intermediate") == 0


def test_a_job_that_is_queued_several_times_runs_once(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    job_id = desk.submit("nap", plan={"nap_s": 1})
    redis_client.rpush("rq:queue:pollable", job_id, job_id, job_id)
    staff.hire()
    staff.hire()
    assert desk.ended(job_id).state is State.SUCCEEDED
    until(lambda: redis_client.llen("rq:queue:pollable") == 0, within_s=10, what="the queue empty")
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert journal.executions(job_id) == 1
