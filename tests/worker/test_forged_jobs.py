"""What somebody may have written into Redis who can write there: none of it runs."""

import zlib
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.command import send_stop_job_command
from rq.job import Job, JobStatus

from pollable.model import State
from pollable.serializer import JSON, RUN
from tests.keyspace import rq_job
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import ACTS, Staff
from tests.worker.waiting import until

FORGED = f"{ACTS}.forged"
PICKLE = f"c{ACTS}\nforged\n(tR.".encode()
"""Calls the function when it is unpickled."""

HASHES: dict[str, dict[Any, Any]] = {
    "function": {"data": zlib.compress(JSON.dumps((FORGED, None, (), {})))},
    "uncompressed_function": {"data": JSON.dumps((FORGED, None, (), {}))},
    "method": {"data": zlib.compress(JSON.dumps(("forged", ACTS, (), {})))},
    "ours_with_an_instance": {"data": zlib.compress(JSON.dumps((RUN, ACTS, (), {})))},
    "pickled_data": {"data": zlib.compress(PICKLE)},
    "uncompressed_pickle": {"data": PICKLE},
    "pickled_meta": {"meta": PICKLE},
    "pickled_result": {"result": PICKLE},
    "no_data": {"data": b""},
    "callbacks": {
        "success_callback_name": FORGED,
        "failure_callback_name": FORGED,
        "stopped_callback_name": FORGED,
    },
}


CALLS = ("function", "uncompressed_function", "method", "ours_with_an_instance")
"""Those that name something else to call than ours: refused, not answered by our own function."""


@pytest.mark.parametrize("forgery", HASHES)
def test_a_changed_hash_of_a_job_of_ours_runs_nothing_but_the_job(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis, forgery: str
) -> None:
    job_id = desk.submit("nap")
    redis_client.hset(rq_job(job_id), mapping=HASHES[forgery])
    staff.start()
    ended = desk.ended(job_id, within_s=15)
    assert journal.entries("forged") == []
    if forgery in CALLS:
        assert ended.state is State.FAILED
        assert journal.entries("start") == []


STOCK = {"function": "json", "uncompressed_function": "json", "callbacks": "json"}
STOCK |= {"pickled_data": "pickle", "uncompressed_pickle": "pickle"}


@pytest.mark.parametrize("forgery", STOCK)
def test_the_same_hash_runs_what_it_names_under_a_stock_worker(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis, forgery: str
) -> None:
    job_id = desk.submit("nap")
    redis_client.hset(rq_job(job_id), mapping=HASHES[forgery])
    staff.hire_plain(STOCK[forgery])
    until(lambda: journal.entries("forged"), within_s=20, what="the forged function called")


def test_a_callback_for_a_failed_or_stopped_job_never_runs(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    failing, stopped = desk.submit("end_badly", plan={"what": "exit_3"}), desk.submit("nap", plan={"nap_s": 60})
    for job_id in (failing, stopped):
        redis_client.hset(rq_job(job_id), mapping=HASHES["callbacks"])
    staff.hire()
    journal.started(stopped)
    send_stop_job_command(redis_client, stopped, serializer=JSON)
    assert [desk.ended(job_id).state.value for job_id in (failing, stopped)] == ["failed", "cancelled"]
    assert journal.entries("forged") == []


@pytest.mark.parametrize("serializer", [JSON, None], ids=["json", "pickle"])
@pytest.mark.parametrize("delay", [None, timedelta(seconds=1)], ids=["at_once", "later"])
def test_a_job_that_was_not_submitted_through_us_stays_where_it_is_and_runs_nothing(
    desk: Desk,
    staff: Staff,
    journal: Journal,
    redis_client: Redis,
    serializer: type[JSON] | None,
    delay: timedelta | None,
) -> None:
    queue = Queue("pollable", connection=redis_client, serializer=serializer)
    callbacks = {"on_success": Callback(FORGED), "on_failure": Callback(FORGED), "failure_ttl": 60}
    forged = queue.enqueue_in(delay, FORGED, **callbacks) if delay else queue.enqueue(FORGED, **callbacks)
    before = redis_client.hgetall(forged.key)
    staff.start()
    desk.reap()
    # Long enough for the worker to take it, were it to.
    for _ in range(3):
        assert desk.ended(desk.submit("nap", delay_ms=700)).state is State.SUCCEEDED
    assert redis_client.hgetall(forged.key) == before
    if delay is None:
        assert queue.job_ids == [forged.id]
    else:
        assert redis_client.zrange("rq:scheduled:pollable", 0, -1) == [forged.id.encode()]
    assert journal.entries("forged") == []


def test_an_abandoned_job_of_other_code_is_left_to_its_own_workers(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    abandoned = Job.create(
        FORGED, connection=redis_client, serializer=JSON, on_failure=Callback(FORGED), failure_ttl=60
    )
    abandoned.origin = "pollable"
    abandoned.set_status(JobStatus.STARTED)
    abandoned.save()
    redis_client.zadd("rq:wip:pollable", {f"{abandoned.id}:1": 1})
    staff.start()
    # RQ's own maintenance would find it at the start of a worker.
    assert desk.ended(desk.submit("nap")).state is State.SUCCEEDED
    assert abandoned.get_status() is JobStatus.STARTED
    assert redis_client.zcard("rq:wip:pollable") == 1
    assert journal.entries("forged") == []
