"""Which job a worker takes next: of ours, of a type that it knows; whatever else is in the queue stays in its place."""

import time
from typing import Any

import pytest
from rq import Queue
from rq.job import Job as RQJob
from rq.suspension import resume, suspend

from pollable.model import State
from pollable.storage import keys
from pollable.storage.scripts import source
from pollable.worker.claims import Refused
from tests.jobs.workbench import ONCE, PATIENT, THRICE, URGENT, Workbench, job_type, until
from tests.keyspace import rq_job

SHARED = "pollable"


def stock(bench: Workbench, *, count: int = 3) -> list[str]:
    """Other code's jobs, as RQ enqueues them."""
    queue = Queue(SHARED, connection=bench.redis)
    return [queue.enqueue("os.getcwd", result_ttl=60, failure_ttl=60).id for _ in range(count)]


def test_other_codes_jobs_stay_where_they_are(bench: Workbench) -> None:
    before, (one, two), after = stock(bench), [bench.submit().id for _ in range(2)], stock(bench)
    hashes = {job_id: bench.rq_hash(job_id) for job_id in before + after}
    assert [bench.pop(), bench.pop(), bench.pop()] == [one.encode(), two.encode(), None]
    assert bench.queued() == before + after
    assert {job_id: bench.rq_hash(job_id) for job_id in before + after} == hashes


def test_jobs_of_ours_are_taken_in_their_order(bench: Workbench) -> None:
    ids = []
    for _ in range(5):
        stock(bench, count=2)
        ids.append(bench.submit().id)
    assert [bench.pop() for _ in ids] == [job_id.encode() for job_id in ids]


def test_a_type_that_the_worker_does_not_know_is_left_to_others(bench: Workbench) -> None:
    new, old = bench.submit(THRICE).id, bench.submit(ONCE).id
    assert bench.pop(types=["once"]) == old.encode()
    assert bench.pop(types=["once"]) is None
    assert bench.queued() == [new]
    assert bench.pop(types=["thrice"]) == new.encode()


def test_queues_are_taken_in_the_order_of_their_names_given(bench: Workbench) -> None:
    script: Any = bench.redis.register_script(source("pop"))
    low, urgent = bench.submit(queue="pollable-low").id, bench.submit(URGENT).id
    arguments = [keys.PREFIX, keys.RQ_PREFIX, "once urgent", 0, "pollable-high", "pollable-low"]
    assert [script(args=arguments)[1] for _ in range(2)] == [urgent.encode(), low.encode()]


def test_a_known_job_behind_very_many_unknown_ones_is_found_look_by_look(real_bench: Workbench) -> None:
    bench = real_bench
    unknown = [bench.submit(job_type("brief")).id for _ in range(1100)]
    known = bench.submit(ONCE).id
    script: Any = bench.redis.register_script(source("pop"))
    passed_over, looks = 0, 0
    while len(reply := script(args=[keys.PREFIX, keys.RQ_PREFIX, "once", passed_over, SHARED])) == 1:
        passed_over, looks = reply[0], looks + 1
        assert looks < 5
    assert (reply, looks) == ([SHARED.encode(), known.encode()], 2)
    assert bench.queued() == unknown


def test_the_search_begins_again_once_it_has_looked_at_all(real_bench: Workbench) -> None:
    for _ in range(501):
        real_bench.submit(job_type("brief"))
    script = real_bench.redis.register_script(source("pop"))
    arguments = [keys.PREFIX, keys.RQ_PREFIX, "once"]
    assert script(args=[*arguments, 0, SHARED]) == [500]
    assert script(args=[*arguments, 500, SHARED]) == [0]


def test_what_is_due_is_taken_from_rqs_registry_whoever_should_have_pushed_it(bench: Workbench) -> None:
    job = bench.submit(delay_ms=200)
    assert bench.pop() is None
    until(bench.pop, lambda popped: popped == job.id.encode())
    assert bench.rq_hash(job.id)["status"] == b"queued"
    assert bench.redis.zcard(f"rq:scheduled:{SHARED}") == 0
    assert bench.claim(job.id).attempt == 1


def test_a_failed_attempt_is_followed_by_the_next_without_rq(bench: Workbench) -> None:
    claim = bench.start(PATIENT)
    failed_at = time.monotonic()
    bench.fail(claim, may_retry=True, delay_s=1)
    assert bench.rq_hash(claim.job_id)["status"] == b"scheduled"
    until(bench.pop, lambda popped: popped == claim.job_id.encode())
    assert time.monotonic() - failed_at > 0.9


def test_a_failed_attempt_without_a_pause_is_at_the_end_of_its_queue_at_once(bench: Workbench) -> None:
    claim = bench.start(THRICE)
    other = bench.submit().id
    bench.fail(claim, may_retry=True)
    assert bench.queued() == [other, claim.job_id]
    assert bench.rq_hash(claim.job_id)["status"] == b"queued"


def test_a_suspended_rq_gives_no_job(bench: Workbench) -> None:
    job = bench.submit()
    suspend(bench.redis, ttl=60)
    assert bench.pop() is None
    resume(bench.redis)
    assert bench.pop() == job.id.encode()


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_a_job_that_rq_cancelled_or_deleted_behind_other_codes_is_not_taken(bench: Workbench, how: str) -> None:
    stock(bench, count=1)
    job = bench.submit()
    rq_job = RQJob.fetch(job.id, connection=bench.redis, serializer="pollable.serializer.JSON")
    getattr(rq_job, how)()
    assert bench.pop() is None
    assert bench.read(job.id).state is State.CANCELLED


def test_jobs_that_were_called_off_hold_up_none_behind_them(bench: Workbench) -> None:
    theirs = stock(bench, count=1)
    gone = [bench.submit().id for _ in range(40)]
    for job_id in gone:
        bench.redis.delete(rq_job(job_id))
        bench.redis.lrem(f"rq:queue:{SHARED}", 1, job_id)
    job = bench.submit()
    assert bench.pop() == job.id.encode()
    assert bench.queued() == theirs
    bench.reap()


def test_an_unknown_type_is_not_claimed_and_waits_on(bench: Workbench) -> None:
    job = bench.submit(job_type("untold"))
    bench.redis.lpop(f"rq:queue:{SHARED}")
    assert bench.claims.claim(job.id) == Refused("unknown_type")
    assert bench.read(job.id).attempts == 0
    until(bench.queued, lambda ids: ids == [job.id], meanwhile=bench.reap)


def test_a_key_of_another_kind_in_a_records_place_stops_nobody(bench: Workbench) -> None:
    bench.redis.set(keys.record("odd"), "no record", ex=60)
    bench.redis.rpush(f"rq:queue:{SHARED}", "odd")
    job = bench.submit()
    assert bench.pop() == job.id.encode()
    bench.redis.delete(f"rq:queue:{SHARED}")
