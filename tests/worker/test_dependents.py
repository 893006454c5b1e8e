"""Jobs of other code that wait for one of ours: handed over as they were enqueued, to the byte."""

from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.job import Dependency, Job, JobStatus

from pollable.serializer import JSON
from tests.worker.desk import Desk
from tests.worker.staff import Staff
from tests.worker.waiting import until

MOVED = {b"status", b"enqueued_at", b"redis_server_version", b"last_heartbeat"}
"""What RQ writes as it enqueues a job whose turn has come."""


class Odd:
    """Nothing but pickle can carry this."""

    def __init__(self, value: int) -> None:
        self.value = value


def kept(redis: Redis, job: Job) -> dict[bytes, bytes]:
    fields: Any = redis.hgetall(job.key)
    return {name: value for name, value in fields.items() if name not in MOVED}


@pytest.mark.parametrize("serializer", [None, JSON], ids=["pickle", "json"])
def test_a_dependent_of_other_code_is_enqueued_as_it_was(
    desk: Desk, staff: Staff, redis_client: Redis, serializer: type[JSON] | None
) -> None:
    ours = desk.submit("nap", delay_ms=300)
    theirs = Queue("theirs", connection=redis_client, serializer=serializer)
    argument: Any = Odd(7) if serializer is None else [7]
    waiting = theirs.enqueue(
        "builtins.id", argument, depends_on=Job.fetch(ours, connection=redis_client, serializer=JSON),
        meta={"of": argument}, result_ttl=60, failure_ttl=60, ttl=600,
    )  # fmt: skip
    assert waiting.get_status() is JobStatus.DEFERRED
    before = kept(redis_client, waiting)
    staff.start()
    desk.ended(ours)
    until(lambda: waiting.get_status() is JobStatus.QUEUED, within_s=10, what="the dependent enqueued")
    assert theirs.job_ids == [waiting.id]
    assert kept(redis_client, waiting) == before


@pytest.mark.parametrize(("allow_failure", "status"), [(True, JobStatus.QUEUED), (False, JobStatus.DEFERRED)])
def test_a_failed_job_of_ours_lets_go_only_those_that_allow_it(
    desk: Desk, staff: Staff, redis_client: Redis, allow_failure: bool, status: JobStatus
) -> None:
    ours = desk.submit("end_badly", plan={"what": "exit_3"})
    parent = Job.fetch(ours, connection=redis_client, serializer=JSON)
    condition = Dependency([parent], allow_failure=allow_failure)
    limits = {"failure_ttl": 60, "result_ttl": 60, "ttl": 600}
    waiting = Queue("theirs", connection=redis_client).enqueue("os.getcwd", depends_on=condition, **limits)
    staff.start()
    desk.ended(ours)
    # The worker has done with the first what it will do.
    desk.ended(desk.submit("nap"))
    assert waiting.get_status() is status
    waiting.delete()
