"""What somebody may have written into Redis who can write there: none of it runs."""

import zlib
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.command import send_stop_job_command
from rq.job import Job, JobStatus

from service import keys
from service.rqdata import RUN
from service.serializer import JSON
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


@pytest.mark.parametrize("forgery", HASHES)
def test_a_changed_hash_of_a_job_of_ours_runs_nothing_but_the_job(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis, forgery: str
) -> None:
    job_id = desk.submit("nap")
    redis_client.hset(keys.rq_job(job_id), mapping=HASHES[forgery])
    staff.start()
    desk.ended(job_id, within_s=15)
    assert journal.entries("forged") == []


def test_a_callback_for_a_failed_or_stopped_job_never_runs(
    desk: Desk, staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    failing, stopped = desk.submit("end_badly", plan={"what": "exit_3"}), desk.submit("nap", plan={"nap_s": 60})
    for job_id in (failing, stopped):
        redis_client.hset(keys.rq_job(job_id), mapping=HASHES["callbacks"])
    staff.hire()
    journal.started(stopped)
    send_stop_job_command(redis_client, stopped, serializer=JSON)
    assert [desk.ended(job_id).state.value for job_id in (failing, stopped)] == ["failed", "cancelled"]
    assert journal.entries("forged") == []


@pytest.mark.parametrize("serializer", [JSON, None], ids=["json", "pickle"])
@pytest.mark.parametrize("delay", [None, timedelta(seconds=1)], ids=["at_once", "later"])
def test_a_job_that_was_not_submitted_through_us_fails_and_runs_nothing(
    staff: Staff, journal: Journal, redis_client: Redis, serializer: type[JSON] | None, delay: timedelta | None
) -> None:
    queue = Queue(connection=redis_client, serializer=serializer)
    callbacks = {"on_success": Callback(FORGED), "on_failure": Callback(FORGED), "failure_ttl": 60}
    forged = queue.enqueue_in(delay, FORGED, **callbacks) if delay else queue.enqueue(FORGED, **callbacks)
    staff.start()
    until(lambda: forged.get_status() is JobStatus.FAILED, within_s=20, what="the forged job refused")
    assert journal.entries("forged") == []


def test_an_abandoned_job_of_other_code_has_no_callback_called(
    staff: Staff, journal: Journal, redis_client: Redis
) -> None:
    abandoned = Job.create(
        FORGED, connection=redis_client, serializer=JSON, on_failure=Callback(FORGED), failure_ttl=60
    )
    abandoned.origin = "default"
    abandoned.set_status(JobStatus.STARTED)
    abandoned.save()
    redis_client.zadd("rq:wip:default", {f"{abandoned.id}:1": 1})
    staff.start()
    # RQ's own maintenance, at the start of a worker, finds it.
    until(lambda: abandoned.get_status() is JobStatus.FAILED, within_s=10, what="the abandoned job found")
    assert journal.entries("forged") == []
