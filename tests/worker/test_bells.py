"""Workers are woken. Here they look by themselves once a minute, so that whatever begins soon was rung for."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from pollable.model import State
from pollable.settings import Settings
from tests.worker.desk import Desk
from tests.worker.durable import DurableRedis
from tests.worker.journal import Journal
from tests.worker.staff import ACTS, Staff, WorkerProcess, staff_of
from tests.worker.waiting import until

SOON_S = 0.5
LEASE_S = 2.0


def blocked(client: Redis) -> int:
    told: Any = client.info("clients")
    return int(told["blocked_clients"])


def waiting(client: Redis, staff: Staff, *arguments: str, look_s: float = 60, jobs: str = ACTS) -> WorkerProcess:
    """One more worker, once it waits for a bell."""
    before = blocked(client)
    worker = staff.hire(*arguments, ACTS_LOOK_S=str(look_s), POLLABLE_JOBS=jobs)
    until(lambda: blocked(client) > before, within_s=20, what="a worker that waits for a bell")
    return worker


def begun_after_s(desk: Desk, journal: Journal, job_id: str, *, times: int = 1) -> float:
    """Seconds from the moment at which the job was due to its start."""
    return journal.started(job_id, times=times).at - (desk.read(job_id).run_at or 0) / 1000


@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_an_idle_worker_begins_a_job_at_once_and_a_delayed_one_when_it_is_due(
    redis_client: Redis, desk: Desk, staff: Staff, journal: Journal, arguments: tuple[str, ...]
) -> None:
    waiting(redis_client, staff, *arguments)
    for queue in ("pollable", "pollable-low", "pollable-high"):
        assert begun_after_s(desk, journal, desk.submit("nap", queue=queue)) < SOON_S
    until(partial(blocked, redis_client), within_s=10, what="the worker waiting again")
    assert 0 <= begun_after_s(desk, journal, desk.submit("nap", delay_ms=1000)) < SOON_S


def test_each_of_several_idle_workers_is_woken_by_a_job_of_its_own(
    redis_client: Redis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    waiting(redis_client, staff)
    waiting(redis_client, staff)
    jobs = [desk.submit("nap", plan={"nap_s": 1.5}) for _ in range(2)]
    assert max(begun_after_s(desk, journal, job_id) for job_id in jobs) < SOON_S


def test_a_worker_that_does_not_know_a_type_is_not_woken_in_the_place_of_one_that_does(
    redis_client: Redis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    waiting(redis_client, staff)
    waiting(redis_client, staff, jobs=f"{ACTS},tests.worker.newer_acts")
    waiting(redis_client, staff)
    assert begun_after_s(desk, journal, desk.submit("novelty")) < SOON_S


def test_a_job_that_is_put_back_or_tried_again_wakes_who_waits(
    redis_client: Redis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    leaving = waiting(redis_client, staff, "--grace-s", "2")
    job_id = desk.submit("long_at_first", plan={"nap_s": 60, "succeeds_on": 2}, max_attempts=2)
    journal.started(job_id)
    waiting(redis_client, staff)
    leaving.send(signal.SIGTERM)
    assert begun_after_s(desk, journal, job_id, times=2) < SOON_S
    again = desk.submit("fail_at_first", plan={"succeeds_on": 2}, max_attempts=2)
    assert begun_after_s(desk, journal, again, times=2) < SOON_S


def test_a_worker_that_is_killed_while_it_waits_takes_no_job_with_it(
    redis_client: Redis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    doomed = [waiting(redis_client, staff) for _ in range(2)]
    jobs = []
    for worker in doomed:
        jobs.append(desk.submit("nap"))
        worker.send(signal.SIGKILL)
        jobs.append(desk.submit("nap"))
    waiting(redis_client, staff)
    desk.reap()
    assert {desk.ended(job_id).state for job_id in jobs} <= {State.SUCCEEDED, State.FAILED}
    assert all(journal.executions(job_id) <= 1 for job_id in jobs)


@pytest.mark.parametrize("arguments", [(), ("--simple",)], ids=["forking", "simple"])
def test_sigterm_ends_a_wait_at_once(redis_client: Redis, staff: Staff, arguments: tuple[str, ...]) -> None:
    worker = waiting(redis_client, staff, *arguments)
    told_at = time.monotonic()
    worker.send(signal.SIGTERM)
    until(lambda: not blocked(redis_client), within_s=SOON_S, what="the end of the wait")
    assert worker.exited(within_s=3) == 0
    assert time.monotonic() - told_at < 2
    assert "Redis is away" not in worker.log


@pytest.fixture
def durable(redis_program: Path) -> Iterator[DurableRedis]:
    durable = DurableRedis(redis_program)
    durable.start()
    yield durable
    durable.close()


@pytest.mark.parametrize("fault", ["restart", "freeze"])
def test_a_wait_outlasts_a_redis_that_goes_away(durable: DurableRedis, tmp_path: Path, fault: str) -> None:
    settings = Settings(redis_url=durable.url, lease_s=LEASE_S)
    with (
        staff_of(tmp_path, redis_url=durable.url, lease_s=LEASE_S) as staff,
        Redis.from_url(durable.url) as client,
        Desk(settings) as desk,
    ):
        worker = waiting(client, staff, look_s=1 if fault == "freeze" else 60)
        if fault == "restart":
            durable.kill()
            durable.start()
        else:
            durable.freeze()
            until(lambda: "Redis is away" in worker.log, within_s=20, what="the worker noticing")
            durable.thaw()
        until(partial(blocked, client), within_s=20, what="the worker waiting again")
        # A thawed Redis may ring for the connection that was given up: then the next look finds the job.
        look_s = 1 if fault == "freeze" else 0
        assert begun_after_s(desk, staff.journal, desk.submit("nap")) < look_s + SOON_S
        assert "raceback" not in worker.log


def sent(client: Redis) -> int:
    """How many commands Redis has had by now, those of scripts too, and this one."""
    told: Any = client.info("stats")
    return int(told["total_commands_processed"])


def test_workers_without_a_job_and_their_reapers_leave_redis_alone(
    redis_client: Redis, desk: Desk, staff: Staff
) -> None:
    for _ in range(2):
        waiting(redis_client, staff, look_s=2)
    desk.reap()
    # What is sent once, at a start, is over by then; the reapers know that there is nothing.
    time.sleep(5)
    before = sent(redis_client)
    time.sleep(5)
    # 11 a second over half a minute (`python -m bench.idle`); what comes every 15 s may fall into these 5.
    assert sent(redis_client) - before < 5 * 20
