"""Jobs that are stopped on request, by Pollable's callers and by RQ's."""

from redis import Redis
from rq.command import send_command, send_stop_job_command

from pollable.model import State
from pollable.serializer import JSON
from pollable.storage import keys
from tests.worker.conftest import LEASE_S
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff
from tests.worker.waiting import forked_by, is_alive, until

LONG_LEASE_S = 45.0
"""So long that only the command can be what stops a job within seconds."""


def test_a_running_job_is_stopped_by_the_command_at_once(desk: Desk, staff: Staff, journal: Journal) -> None:
    staff.start(lease_s=LONG_LEASE_S)
    job_id = desk.submit("nap", plan={"nap_s": 60}, max_attempts=3)
    horse = journal.started(job_id)
    desk.cancel(job_id)
    assert desk.ended(job_id, within_s=3).state is State.CANCELLED
    assert not is_alive(horse.pid)
    assert journal.executions(job_id) == 1


def test_a_running_job_is_stopped_by_its_record_where_the_command_is_lost(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    staff.start()
    job_id = desk.submit("nap", plan={"nap_s": 60}, max_attempts=3)
    journal.started(job_id)
    redis_client.hset(keys.record(job_id), "cancel_requested", 1)
    # A third of the lease until the next look, and as much again as the fastest way takes.
    assert desk.ended(job_id, within_s=LEASE_S / 3 + 3).state is State.CANCELLED
    assert journal.executions(job_id) == 1


def test_the_stop_command_of_rq_cancels_the_job(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    staff.start(lease_s=LONG_LEASE_S)
    job_id = desk.submit("nap", plan={"nap_s": 60}, max_attempts=3)
    journal.started(job_id)
    send_stop_job_command(redis_client, job_id, serializer=JSON)
    assert desk.ended(job_id, within_s=5).state is State.CANCELLED


def test_a_waiting_job_that_is_cancelled_never_runs(desk: Desk, staff: Staff, journal: Journal) -> None:
    queued, scheduled = desk.submit("nap"), desk.submit("nap", delay_ms=1000)
    assert [desk.cancel(job_id).state for job_id in (queued, scheduled)] == [State.CANCELLED, State.CANCELLED]
    staff.start()
    assert desk.ended(desk.submit("nap", delay_ms=1500)).state is State.SUCCEEDED
    assert len(journal.entries("start")) == 1


def test_a_stop_right_after_the_fork_spares_the_worker(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    # The horse is slow to leave its worker's process group, as on a loaded machine.
    worker = staff.start(ACTS_SLOW_FORK_S="1")
    job_id = desk.submit("nap", plan={"nap_s": 60})
    until(lambda: forked_by(worker.pid), within_s=10, what="the horse forked")
    send_command(redis_client, staff.only_name(), "stop-job", job_id=job_id)
    assert desk.ended(job_id).state is State.CANCELLED
    assert journal.executions(job_id) == 0
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert worker.exit_code is None


def test_a_job_that_ends_before_its_cancel_is_seen_keeps_its_end(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    worker = staff.start(lease_s=LONG_LEASE_S)
    job_id = desk.submit("nap", plan={"nap_s": 1})
    horse = journal.started(job_id)
    redis_client.hset(keys.record(job_id), "cancel_requested", 1)
    assert desk.ended(job_id).state is State.SUCCEEDED
    until(lambda: not is_alive(horse.pid), within_s=5, what="the end of the horse")
    assert worker.exit_code is None
