"""Ids of jobs that other code enqueued: as RQ has them, first, and then as one of ours."""

import asyncio
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from pollable.errors import JobNotFound
from pollable.ids import as_ulid, new_id
from pollable.jobs.reading import JobReader
from pollable.model import State
from tests.jobs.test_foreign_jobs import enqueue
from tests.jobs.workbench import OWNER, STRANGER, Workbench, with_settings

UPPER = "550E8400-E29B-41D4-A716-446655440000"
IDS = [
    UPPER,
    UPPER.lower(),
    "job_01M80YM4Y3ESPT1FVBVRWAJHMF",
    "x" * 200,
    "x" * 256,
    "report:42",
    "report:42:dependents",
    "site1.local||3f0c",
    "v1.2.3",
    "user@example.com",
    "ü",
    "ü" * 128,
    "日本",
    "👩\u200d💻",
    " ",
    "a b",
    " a ",
    "a/b",
    "../a",
    "a%2Fb",
    "a+b",
    "a?b#c&d=e",
    "{id}",
    "*",
    "report-2026_01",
]


@pytest.fixture(autouse=True)
def _foreign_jobs_are_read(bench: Workbench) -> None:
    with_settings(bench, foreign_jobs="read")


def written(redis: Redis, job_id: str, **fields: str) -> None:
    """The hash as RQ 1 wrote it, which took any text for an id."""
    key = f"rq:job:{job_id}"
    values = {
        "status": "queued",
        "origin": "theirs",
        "data": "x",
        "created_at": "2026-01-02T03:04:05.000000Z",
        **fields,
    }
    redis.hset(key, mapping=values)  # type: ignore[arg-type] # its mapping is of more than texts
    redis.expire(key, 600)


def refused(bench: Workbench, job_id: str) -> bool:
    try:
        bench.read(job_id)
    except JobNotFound:
        return True
    return False


@pytest.mark.parametrize("job_id", IDS, ids=lambda job_id: ascii(job_id)[:40])
def test_a_job_is_found_by_the_very_id_that_rq_has(bench: Workbench, job_id: str) -> None:
    written(bench.redis, job_id)
    job = bench.read(job_id)
    assert (job.id, job.owner, job.queue) == (job_id, "", "theirs")
    bench.redis.delete(f"rq:job:{job_id}")
    assert refused(bench, job_id)


@pytest.mark.parametrize(
    "job_id",
    ["a\nb", "\x00", "\x1b[0m", "\x85", "\u2028", pytest.param("\ufffd", id="replacement"), "x" * 257, "ü" * 129],
    ids=ascii,
)
def test_what_can_be_no_id_is_looked_up_nowhere(bench: Workbench, job_id: str) -> None:
    written(bench.redis, job_id)
    assert refused(bench, job_id)


@pytest.mark.parametrize("job_id", ["", "\ud800"], ids=ascii)
def test_what_redis_could_not_even_be_asked_for_is_not_found(bench: Workbench, job_id: str) -> None:
    assert refused(bench, job_id)


def test_an_id_as_given_goes_before_any_other_spelling(bench: Workbench) -> None:
    ours = bench.submit()
    for spelling in (as_ulid(ours.id), ours.id.upper()):
        assert bench.read(spelling) == ours
        written(bench.redis, spelling)
        assert (bench.read(spelling).id, bench.read(spelling).owner) == (spelling, "")
    assert bench.read(ours.id) == ours


def test_a_uuid_of_rqs_is_found_by_its_other_spellings_too(bench: Workbench) -> None:
    theirs = enqueue(bench)
    for spelling in (theirs.id.upper(), as_ulid(theirs.id)):
        assert bench.read(spelling).id == theirs.id


def test_two_jobs_whose_ids_differ_in_case_are_two(bench: Workbench) -> None:
    written(bench.redis, UPPER, status="started")
    written(bench.redis, UPPER.lower(), status="queued")
    assert (bench.read(UPPER).state, bench.read(UPPER.lower()).state) == (State.RUNNING, State.QUEUED)


@pytest.mark.parametrize("suffix", [":dependents", ":dependencies", ":x", ":"])
def test_a_suffix_is_not_dropped(bench: Workbench, suffix: str) -> None:
    parent = enqueue(bench)
    enqueue(bench, depends_on=parent)
    for key in bench.snapshot():
        bench.redis.expire(key, 600)
    assert bench.redis.exists(f"{parent.key}:dependents")
    assert refused(bench, parent.id + suffix)


def test_several_are_read_at_once(bench: Workbench) -> None:
    for job_id in IDS:
        written(bench.redis, job_id)
    read = bench.run(bench.store.read_many([*IDS, "none", "\n"], owner=OWNER))
    assert [job and job.id for job in read] == [*IDS, None, None]


def test_where_they_are_off_only_our_two_spellings_are_ids(bench: Workbench) -> None:
    with_settings(bench, foreign_jobs="off")
    ours = bench.submit()
    assert {bench.read(spelling).id for spelling in (ours.id, ours.id.upper(), as_ulid(ours.id))} == {ours.id}
    for job_id in IDS:
        written(bench.redis, job_id)
        assert refused(bench, job_id)


@pytest.mark.parametrize("verb", [Workbench.cancel, Workbench.rerun, Workbench.delete])
@pytest.mark.parametrize("job_id", ["report:42", UPPER, "\n"], ids=ascii)
def test_what_is_named_so_cannot_be_changed(bench: Workbench, verb: Any, job_id: str) -> None:
    written(bench.redis, job_id)
    before = bench.snapshot()
    with pytest.raises(JobNotFound):
        verb(bench, job_id)
    assert bench.snapshot() == before


def commands_of(bench: Workbench, job_id: str) -> list[str]:
    """What Redis does for one read that finds nothing."""

    async def watched() -> list[str]:
        async with AsyncRedis.from_url(bench.settings.redis_url) as client:
            store = JobReader(client, bench.settings)
            await asyncio.gather(store.read(new_id(), owner=OWNER), return_exceptions=True)
            async with client.monitor() as monitor:
                await asyncio.gather(store.read(job_id, owner=OWNER), return_exceptions=True)
                seen: list[str] = []
                while True:
                    line = await monitor.next_command()
                    if line["client_type"] == "lua":
                        seen.append(line["command"].split()[0].upper())
                    if line["client_type"] == "lua" and line["command"].split()[0].upper() == "ZSCORE":
                        return seen

    return bench.run(watched())


@pytest.mark.parametrize("mode", ["off", "read", "read-data"])
def test_somebody_elses_job_costs_redis_what_a_missing_one_does(
    real_bench: Workbench, mode: str, redis_url: str
) -> None:
    with_settings(real_bench, foreign_jobs=mode, redis_url=redis_url)
    theirs, missing = real_bench.submit(owner=STRANGER).id, new_id()
    assert commands_of(real_bench, theirs) == commands_of(real_bench, missing)
    assert commands_of(real_bench, as_ulid(theirs)) == commands_of(real_bench, as_ulid(missing))
    other = [commands_of(real_bench, job_id) for job_id in ("report:42", "no-such", "x" * 5000, "\n", as_ulid(missing))]
    assert all(each == other[0] for each in other)
