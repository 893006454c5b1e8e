"""The process of a job is there before the job: what becomes of it while it waits."""

import json
import os
import signal

import redis

from pollable.model import State
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff, WorkerProcess
from tests.worker.waiting import forked_by, is_alive, until

LASTING = "tests.worker.lasting"


def ready(worker: WorkerProcess, *, but: int = 0) -> int:
    """The one horse that waits, other than that."""
    horses: list[int] = []

    def is_alone() -> bool:
        # One look: between two of them the next one comes, and the one that has ended goes.
        horses[:] = forked_by(worker.pid)
        return len(horses) == 1 and horses != [but]

    until(is_alone, within_s=10, what="a ready horse")
    return horses[0]


def test_every_job_has_a_process_of_its_own_that_was_there_before_it(desk: Desk, steady_staff: Staff) -> None:
    worker = steady_staff.start(POLLABLE_JOBS=LASTING)
    first, second = ready(worker), 0
    found = []
    for _ in range(2):
        found.append(json.loads(desk.ended(desk.submit("find")).result or b""))
        second = ready(worker, but=found[-1]["pid"])
    assert found[0]["pid"] == first
    assert len({first, found[1]["pid"], second}) == 3
    assert [each["begun"] for each in found] == [[first], [found[1]["pid"]]]
    assert found[0]["random"] != found[1]["random"]
    assert all(job == variable for job, variable in (each["job"] for each in found))


def test_the_next_one_is_there_while_a_job_runs(desk: Desk, steady_staff: Staff) -> None:
    worker = steady_staff.start()
    first = ready(worker)
    job_id = desk.submit("nap", plan={"nap_s": 5})
    until(lambda: len(forked_by(worker.pid)) == 2, within_s=4, what="the next horse beside the one at work")
    assert first in forked_by(worker.pid)
    assert desk.read(job_id).state is State.RUNNING


def test_a_ready_horse_that_is_killed_is_replaced_and_costs_no_attempt(desk: Desk, steady_staff: Staff) -> None:
    worker = steady_staff.start()
    first = ready(worker)
    os.kill(first, signal.SIGKILL)
    second = ready(worker, but=first)
    # Killed in the very moment of the job: handing over fails, or finds the next one.
    job_id = desk.submit("nap", max_attempts=1)
    job = desk.ended(job_id)
    assert (job.state, job.attempts, job.result) == (State.SUCCEEDED, 1, str(second).encode())


def test_a_stopped_ready_horse_does_not_hold_its_worker_up_for_ever(
    desk: Desk, steady_staff: Staff, journal: Journal
) -> None:
    worker = steady_staff.start()
    first = ready(worker)
    os.kill(first, signal.SIGSTOP)
    # A claim of which its buffers take a part.
    job_id = desk.submit("nap", plan={"what": "x" * 900_000}, max_attempts=3)
    assert desk.ended(job_id, within_s=30).state is State.SUCCEEDED
    assert journal.started(job_id).pid != first
    assert not is_alive(first)


def test_a_ready_horse_dies_with_its_worker(steady_staff: Staff) -> None:
    worker = steady_staff.start()
    waiting = ready(worker)
    worker.send(signal.SIGKILL)
    until(lambda: not is_alive(waiting), within_s=5, what="the end of the ready horse")


def test_a_signal_to_all_processes_of_an_idle_worker_ends_them_at_once(redis_url: str, steady_staff: Staff) -> None:
    worker = steady_staff.start()
    waiting = ready(worker)
    os.kill(waiting, signal.SIGTERM)
    worker.send_group(signal.SIGTERM)
    assert worker.exited(within_s=3) == 0
    until(lambda: not is_alive(waiting), within_s=1, what="the end of the ready horse")
    with redis.Redis.from_url(redis_url) as client:
        assert client.smembers("rq:workers") == set()


def test_a_ready_horse_whose_connection_was_cut_has_another(desk: Desk, steady_staff: Staff, redis_url: str) -> None:
    worker = steady_staff.start()
    ready(worker)
    with redis.Redis.from_url(redis_url) as client:
        # The horse's as well, while it waits.
        client.client_kill_filter(_type="normal", skipme=True)
        job = desk.ended(desk.submit("nap", max_attempts=1))
    assert (job.state, job.attempts) == (State.SUCCEEDED, 1)
