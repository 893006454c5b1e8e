"""Reading many at a time: few calls, and nobody's trouble is a neighbour's."""

import asyncio
import socket
from typing import Any

import pytest
from redis.asyncio import Redis as AsyncRedis

from pollable.errors import JobExpired, JobNotFound, QuotaExceeded, StoreFull, StoreUnavailable
from pollable.ids import as_ulid, new_id
from pollable.jobs.reading import JobReader
from pollable.model import Job
from pollable.storage import keys
from pollable.storage.batch import BatchedScript
from pollable.storage.quotas import Quota
from tests.jobs.workbench import ONCE, OWNER, STRANGER, Workbench


def scripts_run(bench: Workbench) -> int:
    statistics: Any = bench.redis.info("commandstats")
    return sum(statistics.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))


def test_a_thousand_simultaneous_reads_are_a_handful_of_calls(real_bench: Workbench) -> None:
    jobs = [real_bench.submit() for _ in range(50)]
    real_bench.redis.config_resetstat()
    answers = real_bench.run(_read_all(real_bench.store, [jobs[number % 50].id for number in range(1000)]))
    assert [answer.id for answer in answers] == [jobs[number % 50].id for number in range(1000)]
    assert scripts_run(real_bench) <= 6


def test_reads_that_arrive_during_a_read_go_out_together_as_the_next_one(real_bench: Workbench) -> None:
    job = real_bench.submit()
    real_bench.redis.config_resetstat()

    async def one_and_then_a_hundred() -> None:
        first = asyncio.create_task(real_bench.store.read(job.id, owner=OWNER))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.gather(first, *(real_bench.store.read(job.id, owner=OWNER) for _ in range(100)))

    real_bench.run(one_and_then_a_hundred())
    assert scripts_run(real_bench) == 2


def test_each_caller_gets_its_own_answer(bench: Workbench) -> None:
    mine, theirs = bench.submit(), bench.submit(owner=STRANGER)
    ended = bench.start()
    bench.succeed(ended)
    bench.delete(ended.job_id)

    async def all_at_once() -> list[Any]:
        reads = (mine.id, as_ulid(mine.id), theirs.id, ended.job_id, "../etc/passwd", new_id())
        return await asyncio.gather(*(bench.store.read(each, owner=OWNER) for each in reads), return_exceptions=True)

    answers = bench.run(all_at_once())
    assert answers[:2] == [mine, mine]
    assert [type(answer) for answer in answers[2:]] == [JobNotFound, JobExpired, JobNotFound, JobNotFound]


def test_missing_foreign_and_malformed_are_told_apart_by_nothing(bench: Workbench) -> None:
    theirs = bench.submit(owner=STRANGER)
    refusals = []
    for job_id in (theirs.id, new_id(), "x" * 5000, "", "a b", "rq:job:x"):
        with pytest.raises(JobNotFound) as refusal:
            bench.read(job_id)
        refusals.append((refusal.value.detail, refusal.value.headers, refusal.value.extra))
    assert all(refusal == refusals[0] for refusal in refusals)


def test_an_operator_reads_everybodys_jobs(bench: Workbench) -> None:
    job = bench.submit(owner=STRANGER)
    assert bench.read(job.id, owner=None) == job


def test_a_caller_that_goes_away_disturbs_nobody(bench: Workbench) -> None:
    job = bench.submit()

    async def some_give_up() -> list[Any]:
        readers = [asyncio.create_task(bench.store.read(job.id, owner=OWNER)) for _ in range(20)]
        await asyncio.sleep(0)
        for reader in readers[::2]:
            reader.cancel()
        return await asyncio.gather(*readers, return_exceptions=True)

    answers = bench.run(some_give_up())
    assert [type(answer) for answer in answers[::2]] == [asyncio.CancelledError] * 10
    assert answers[1::2] == [job] * 10


def test_nothing_is_sent_any_more_for_callers_who_went_away(real_bench: Workbench, redis_url: str) -> None:
    head = (keys.PREFIX, keys.RQ_PREFIX, 0, "", "type", "status", "", "")

    async def ten_of_whom_nine_give_up() -> None:
        async with AsyncRedis.from_url(redis_url) as client:
            script = BatchedScript(client, "read", head=head, most=1)
            await script.ask((new_id(),))
            real_bench.redis.config_resetstat()
            # Scripts wait, so that the nine leave while the first is under way.
            real_bench.redis.client_pause(60_000, all=False)
            asking = [asyncio.create_task(script.ask((new_id(),))) for _ in range(10)]
            await asyncio.sleep(0.01)
            for task in asking[1:]:
                task.cancel()
            real_bench.redis.client_unpause()
            await asyncio.gather(*asking, return_exceptions=True)
            await script.ask((new_id(),))

    real_bench.run(ten_of_whom_nine_give_up())
    assert scripts_run(real_bench) == 2


def test_when_every_caller_goes_away_the_next_read_works(bench: Workbench) -> None:
    job = bench.submit()

    async def all_give_up() -> Job:
        readers = [asyncio.create_task(bench.store.read(job.id, owner=OWNER)) for _ in range(5)]
        await asyncio.sleep(0)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        return await bench.store.read(job.id, owner=OWNER)

    assert bench.run(all_give_up()) == job


def test_a_batch_that_fails_fails_all_its_callers_and_the_next_one_works(real_bench: Workbench, redis_url: str) -> None:
    job = real_bench.submit()

    async def with_the_connections_cut() -> tuple[list[Any], Job]:
        async with AsyncRedis.from_url(redis_url, retry=None, socket_timeout=2) as client:
            store = JobReader(client, real_bench.settings)
            await store.read(job.id, owner=OWNER)
            # Scripts wait from now on, since any of them might write; commands like the next two do not.
            real_bench.redis.client_pause(60_000, all=False)
            readers = [asyncio.create_task(store.read(job.id, owner=OWNER)) for _ in range(10)]
            await asyncio.sleep(0.1)
            real_bench.redis.client_kill_filter(_type="normal", skipme=True)
            real_bench.redis.client_unpause()
            failed = await asyncio.gather(*readers, return_exceptions=True)
            return failed, await store.read(job.id, owner=OWNER)

    failed, answer = real_bench.run(with_the_connections_cut())
    assert [type(each) for each in failed] == [StoreUnavailable] * 10
    assert all(each.retry_after_s == 2 for each in failed)
    assert answer == job


def test_a_redis_that_is_not_there_is_store_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"

        async def read() -> None:
            async with AsyncRedis.from_url(url, retry=None) as client:
                await BatchedScript(client, "read", head=("", "", "0"), most=1).ask(("id", "", "", "", ""))

        with pytest.raises(StoreUnavailable):
            asyncio.run(read())


def test_a_redis_that_is_full_refuses_submits_and_still_reads(real_bench: Workbench) -> None:
    job = real_bench.submit()
    real_bench.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreFull) as refusal:
            real_bench.submit()
        assert real_bench.read(job.id) == job
    finally:
        real_bench.redis.config_set("maxmemory", 0)
    assert refusal.value.retry_after_s == 5
    assert real_bench.queued() == [job.id]


def test_many_jobs_come_in_the_order_of_their_ids_with_none_for_what_is_not_there(bench: Workbench) -> None:
    first, second = bench.submit(), bench.submit()
    theirs = bench.submit(owner=STRANGER)
    ids = [second.id, "no-such-job", first.id, theirs.id, second.id]
    assert bench.run(bench.store.read_many(ids, owner=OWNER)) == [second, None, first, None, second]


def test_a_polls_quota_is_judged_in_the_same_call_as_the_read(real_bench: Workbench) -> None:
    job = real_bench.submit()
    quota = Quota("polls", 3)
    real_bench.redis.config_resetstat()
    for _ in range(3):
        found, verdict = real_bench.run(real_bench.store.poll(job.id, owner=OWNER, quota=quota, caller=OWNER))
        assert (found, verdict is not None and verdict.allowed) == (job, True)
    with pytest.raises(QuotaExceeded):
        real_bench.run(real_bench.store.poll(job.id, owner=OWNER, quota=quota, caller=OWNER))
    assert scripts_run(real_bench) == 4


def test_an_owner_past_the_quota_costs_others_in_the_same_batch_nothing(bench: Workbench) -> None:
    mine, theirs = bench.submit(), bench.submit(owner=STRANGER)
    quota = Quota("polls", 2)

    async def five_each() -> list[Any]:
        reads = [
            *(bench.store.poll(mine.id, owner=OWNER, quota=quota, caller=OWNER) for _ in range(5)),
            *(bench.store.poll(theirs.id, owner=STRANGER, quota=quota, caller=STRANGER) for _ in range(2)),
        ]
        return await asyncio.gather(*reads, return_exceptions=True)

    answers = bench.run(five_each())
    refused = [isinstance(answer, QuotaExceeded) for answer in answers]
    assert refused == [False, False, True, True, True, False, False]


def test_reading_writes_nothing(bench: Workbench) -> None:
    job = bench.submit(ONCE)
    before = bench.snapshot()
    bench.read(job.id)
    with pytest.raises(JobNotFound):
        bench.read(new_id())
    assert bench.snapshot() == before
    assert bench.redis.exists(keys.record(job.id))


async def _read_all(store: JobReader, ids: list[str]) -> list[Job]:
    return await asyncio.gather(*(store.read(job_id, owner=OWNER) for job_id in ids))
