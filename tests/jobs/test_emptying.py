"""Queues that an operator emptied, or took single jobs from: settled soon, however many wait."""

import time
from collections.abc import Sequence

from rq import Queue

from pollable.jobs.reaper import ReaperThread
from pollable.model import State
from pollable.serializer import JSON
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async
from tests.jobs.workbench import ONCE, Workbench, job_type, until
from tests.keyspace import pending

MANY = 6000
"""Ten times what one pass takes, and more."""
KEPT_FOR_MINUTES = job_type("brief", failure_ttl_s=300)


def many(bench: Workbench) -> list[str]:
    return [bench.submit(KEPT_FOR_MINUTES).id for _ in range(MANY)]


def settled(bench: Workbench, settings: Settings, *, left: int) -> float:
    """Seconds until as many wait as should, with the reaper of one process."""
    reaper = ReaperThread(lambda: connect_async(settings), settings)
    began_at = time.monotonic()
    reaper.start()
    until(lambda: bench.redis.zcard(pending("pollable")), lambda waiting: waiting == left, within_s=60)
    reaper.stop()
    return time.monotonic() - began_at


def states(bench: Workbench, ids: Sequence[str]) -> set[bytes]:
    return {bench.record(job_id)["state"] for job_id in ids}


def test_an_emptied_queue_is_settled_without_a_pause(real_bench: Workbench, settings: Settings) -> None:
    ids = many(real_bench)
    Queue("pollable", connection=real_bench.redis, serializer=JSON).empty()  # type: ignore[no-untyped-call]
    # With a pause after each pass this would take a quarter of a minute.
    assert settled(real_bench, settings, left=0) < 10
    assert states(real_bench, ids) == {b"cancelled"}


def test_jobs_taken_from_the_middle_of_a_long_queue_are_found(real_bench: Workbench, settings: Settings) -> None:
    ids = many(real_bench)
    queue = Queue("pollable", connection=real_bench.redis, serializer=JSON)
    taken = ids[5400:5403]
    for job_id in taken:
        queue.remove(job_id)
    # Found missing by two passes, and then looked for without a pause.
    assert settled(real_bench, settings, left=MANY - 3) < 10
    assert states(real_bench, taken) == {b"cancelled"}
    assert states(real_bench, [job_id for job_id in ids if job_id not in taken]) == {b"queued"}
    queue.empty()  # type: ignore[no-untyped-call]
    settled(real_bench, settings, left=0)


def test_a_long_queue_that_nobody_touched_is_left_alone(real_bench: Workbench) -> None:
    ids = [real_bench.submit(ONCE).id for _ in range(1200)]
    for _ in range(8):
        assert not real_bench.reaped().more
    assert real_bench.queued() == ids
    assert states(real_bench, ids) == {b"queued"}


def test_a_shared_queue_full_of_other_codes_jobs_hides_none_of_ours(bench: Workbench) -> None:
    queue = Queue("pollable", connection=bench.redis)
    theirs = [queue.enqueue("os.getcwd", result_ttl=60, failure_ttl=60).id for _ in range(300)]
    ours = bench.submit().id
    for _ in range(4):
        bench.reap()
    assert (bench.queued(), bench.read(ours).state) == ([*theirs, ours], State.QUEUED)
    queue.remove(ours)
    until(lambda: bench.read(ours).state, lambda state: state is State.CANCELLED, meanwhile=bench.reap)
    assert bench.queued() == theirs


def test_the_place_of_a_sweep_is_kept_for_an_hour_at_most(bench: Workbench) -> None:
    bench.submit()
    bench.reap()
    assert 0 < bench.redis.ttl(f"{keys.PREFIX}reaper") <= 3600
