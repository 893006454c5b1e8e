"""Large results: fetched for whoever may see them, by a call of their own, and so many bytes an answer."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from rq import Queue
from rq.results import Result

from pollable.errors import JobExpired, JobNotFound
from pollable.ids import as_ulid, new_id
from pollable.jobs import foreign
from pollable.jobs.reading import ANSWER_BYTES, LARGE_BYTES
from pollable.model import Job, State
from pollable.serializer import JSON
from tests.jobs.test_batching import scripts_run
from tests.jobs.workbench import OWNER, STRANGER, Workbench, with_settings

MEGABYTE = b'"%s"' % (b"x" * 1_048_574)


def ended(bench: Workbench, result: bytes = b"1", **options: Any) -> str:
    claim = bench.start(**options)
    bench.succeed(claim, result)
    return claim.job_id


def together(bench: Workbench, ids: list[str]) -> list[Job]:
    async def read() -> list[Job]:
        return await asyncio.gather(*(bench.store.read(job_id, owner=OWNER) for job_id in ids))

    return bench.run(read())


def sent_bytes(bench: Workbench) -> int:
    statistics: Any = bench.redis.info("stats")
    return int(statistics["total_net_output_bytes"])


def work(bench: Workbench, job_id: str) -> Mapping[str, int]:
    """The commands that Redis runs for one read that finds nothing."""
    with pytest.raises((JobNotFound, JobExpired)):
        bench.read(job_id)
    bench.redis.config_resetstat()
    with pytest.raises((JobNotFound, JobExpired)):
        bench.read(job_id)
    statistics: Any = bench.redis.info("commandstats")
    return {name: told["calls"] for name, told in statistics.items() if name not in ("cmdstat_info", "cmdstat_config")}


@pytest.mark.parametrize("shown", ["off", "read", "read-data"])
def test_malformed_missing_and_foreign_are_the_same_work(real_bench: Workbench, shown: str) -> None:
    theirs = ended(real_bench, MEGABYTE, owner=STRANGER)
    waiting, running = real_bench.submit(owner=STRANGER).id, real_bench.start(owner=STRANGER).job_id
    with_settings(real_bench, foreign_jobs=shown)
    missing = work(real_bench, new_id())
    assert sum(missing.values()) > 3
    for job_id in ("no id", "", "x" * 5000, "id\n", theirs, waiting, running):
        assert work(real_bench, job_id) == missing, job_id[:40]
    # In the other spelling an id may be one of RQ's, too: more work, the same for all.
    assert work(real_bench, as_ulid(theirs)) == work(real_bench, as_ulid(new_id()))


def took_us(bench: Workbench, job_id: str) -> float:
    """What Redis takes to look into the records of a hundred reads that find nothing."""
    bench.redis.config_resetstat()
    for _ in range(100):
        with pytest.raises(JobNotFound):
            bench.read(job_id)
    statistics: Any = bench.redis.info("commandstats")
    return float(
        sum(statistics[f"cmdstat_{name}"]["usec"] for name in ("hget", "hmget") if f"cmdstat_{name}" in statistics)
    )


def test_nobody_elses_result_is_looked_at(real_bench: Workbench) -> None:
    theirs, missing = ended(real_bench, b'"%s"' % (b"x" * 20_000_000), owner=STRANGER), new_id()
    # With the result it would be milliseconds.
    assert took_us(real_bench, theirs) < 20 * took_us(real_bench, missing)


def test_nobody_elses_result_leaves_redis(real_bench: Workbench) -> None:
    theirs = ended(real_bench, MEGABYTE, owner=STRANGER)
    before = sent_bytes(real_bench)
    with pytest.raises(JobNotFound):
        real_bench.read(theirs)
    assert real_bench.run(real_bench.store.read_many([theirs] * 100, owner=OWNER)) == [None] * 100
    assert sent_bytes(real_bench) - before < 100_000
    assert real_bench.read(theirs, owner=STRANGER).result == MEGABYTE


def test_a_large_result_travels_alone(real_bench: Workbench) -> None:
    large, small = ended(real_bench, MEGABYTE), ended(real_bench)
    together(real_bench, [small])
    real_bench.redis.config_resetstat()
    jobs = together(real_bench, [small] * 50 + [large] + [small] * 50)
    assert [job.result for job in jobs] == [b"1"] * 50 + [MEGABYTE] + [b"1"] * 50
    # No script copies it.
    assert scripts_run(real_bench) == 1


def test_a_small_one_waits_for_no_large_one(real_bench: Workbench) -> None:
    large, small = ended(real_bench, MEGABYTE), ended(real_bench)

    async def order() -> list[str]:
        came: list[str] = []

        async def read(job_id: str) -> None:
            came.append((await real_bench.store.read(job_id, owner=OWNER)).id)

        first = [asyncio.create_task(read(large)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(*first, read(small))
        return came

    # It comes with the next call, when the first of twenty has been read at most.
    assert real_bench.run(order()).index(small) < 5


@pytest.mark.parametrize("size", [LARGE_BYTES - 2, LARGE_BYTES, LARGE_BYTES + 1, 30_000])
def test_what_does_not_fit_into_one_call_is_read_all_the_same(bench: Workbench, size: int) -> None:
    ids = [ended(bench, b'"%s"' % (b"%d" % number).rjust(size - 2, b"x")) for number in range(40)]
    for number, job in enumerate(together(bench, ids)):
        assert job.result is not None
        assert (len(job.result), job.result.strip(b'x"')) == (size, b"%d" % number)


def test_an_id_that_is_named_often_is_read_once(real_bench: Workbench) -> None:
    job_id = ended(real_bench)
    together(real_bench, [job_id])
    # Valkey's answer to INFO alone has more than is allowed here.
    real_bench.redis.config_resetstat()
    jobs = real_bench.run(real_bench.store.read_many([job_id, as_ulid(job_id), job_id.upper()] * 33, owner=OWNER))
    assert [job and job.id for job in jobs] == [job_id] * 99
    assert sent_bytes(real_bench) < 2000


@pytest.mark.parametrize("distinct", [1, 10])
def test_the_results_of_one_answer_have_so_many_bytes(real_bench: Workbench, distinct: int) -> None:
    large = [ended(real_bench, MEGABYTE) for _ in range(distinct)]
    small = ended(real_bench)
    before = sent_bytes(real_bench)
    jobs = real_bench.run(real_bench.store.read_many([*(large * 100)[:99], small], owner=OWNER))
    assert sent_bytes(real_bench) - before < ANSWER_BYTES + 100_000
    assert all(job is not None and job.state is State.SUCCEEDED for job in jobs)
    fit = ANSWER_BYTES // len(MEGABYTE)
    whole = [job for job in jobs[:-1] if job and job.result == MEGABYTE]
    assert jobs[:fit] == whole
    assert all(job and job.is_result_left_out for job in jobs[fit:-1])
    assert sum(len(job.result or b"") for job in jobs if job) <= ANSWER_BYTES


def test_what_is_small_still_fits_behind_what_does_not(bench: Workbench) -> None:
    large, small = ended(bench, b'"%s"' % (b"x" * ANSWER_BYTES)), ended(bench)
    jobs = bench.run(bench.store.read_many([large, small], owner=OWNER))
    assert [job and job.result for job in jobs] == [None, b"1"]
    alone = bench.run(bench.store.read_many([large], owner=OWNER))
    assert alone[0] is not None
    assert alone[0].result is not None, "of one job alone the result is there, however large"


@pytest.mark.parametrize("legacy", [False, True], ids=["RQ 2", "RQ 1"])
def test_results_of_other_code_are_bounded_alike(real_bench: Workbench, legacy: bool) -> None:
    with_settings(real_bench, foreign_jobs="read")
    ids = []
    for _ in range(5):
        job = Queue("theirs", connection=real_bench.redis, serializer=JSON).enqueue("reports.build")
        real_bench.redis.hset(job.key, "status", "finished")
        real_bench.redis.expire(job.key, 600)
        if legacy:
            real_bench.redis.hset(job.key, items=["result", MEGABYTE])
        else:
            Result.create(job, Result.Type.SUCCESSFUL, ttl=500, return_value="x" * 1_048_574)
        ids.append(job.id)
    mine = ended(real_bench)
    before = sent_bytes(real_bench)
    jobs = real_bench.run(real_bench.store.read_many([*ids, mine], owner=OWNER))
    assert sent_bytes(real_bench) - before < 1.4 * ANSWER_BYTES
    assert [job and job.state for job in jobs] == [State.SUCCEEDED] * 6
    fit = sum(job is not None and job.result == MEGABYTE for job in jobs)
    assert 1 <= fit <= 2
    assert [job and job.is_result_left_out for job in jobs] == [False] * fit + [True] * (5 - fit) + [False]
    assert [job.result for job in together(real_bench, ids)] == [MEGABYTE] * 5


def test_words_that_nobody_knows_are_told_of_and_not_kept_for_ever(
    real_bench: Workbench, caplog: pytest.LogCaptureFixture
) -> None:
    with_settings(real_bench, foreign_jobs="read")
    real_bench.redis.hset("rq:job:theirs", "data", "x")
    real_bench.redis.expire("rq:job:theirs", 600)
    with caplog.at_level(logging.WARNING):
        for number in range(foreign.UNKNOWN_STATUSES + 50):
            real_bench.redis.hset("rq:job:theirs", "status", f"word {number}")
            assert real_bench.read("theirs").state is State.QUEUED
    assert len(caplog.records) <= foreign.UNKNOWN_STATUSES
    assert len(foreign._unknown_statuses) == foreign.UNKNOWN_STATUSES
    foreign._unknown_statuses.clear()
