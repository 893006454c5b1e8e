"""Listing: newest first, page by page, whatever is submitted meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pollable.errors import InvalidParameter, RecordDamaged
from pollable.jobs.changing import Submission
from pollable.model import Job, State
from pollable.storage import keys
from tests.jobs.workbench import ONCE, OWNER, STRANGER, THRICE, URGENT, Workbench


def pages(bench: Workbench, *, limit: int, **filters: object) -> list[list[Job]]:
    found, cursor = [], None
    while True:
        page = bench.run(bench.lister.page(owner=OWNER, limit=limit, cursor=cursor, **filters))  # type: ignore[arg-type]
        found.append(page.jobs)
        cursor = page.cursor
        if cursor is None:
            return found


def listed(bench: Workbench, *, limit: int = 50, **filters: object) -> list[str]:
    return [job.id for page in pages(bench, limit=limit, **filters) for job in page]


def in_one_millisecond(bench: Workbench, count: int) -> list[str]:
    """Jobs of which at least two have the same time, however fast this machine is: one script stores up to 64."""

    async def submit() -> list[Job]:
        submission = Submission(type=ONCE, payload=b"1", owner=OWNER)
        return [each.job for each in await asyncio.gather(*(bench.jobs.submit(submission) for _ in range(count)))]

    return [job.id for job in bench.run(submit())]


def test_an_owner_without_jobs_has_an_empty_list(bench: Workbench) -> None:
    bench.submit(owner=STRANGER)
    assert pages(bench, limit=50) == [[]]


def test_jobs_are_listed_newest_first_without_their_results(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    newer = bench.submit()
    page = bench.run(bench.lister.page(owner=OWNER))
    assert [job.id for job in page.jobs] == sorted((claim.job_id, newer.id), reverse=True)
    assert [job.result for job in page.jobs] == [None, None]
    assert page.cursor is None


@pytest.mark.parametrize("limit", [1, 2, 7, 49, 50, 51])
def test_pages_hold_every_job_once_also_when_many_are_of_one_millisecond(bench: Workbench, limit: int) -> None:
    ids = in_one_millisecond(bench, 50)
    seen = listed(bench, limit=limit)
    assert sorted(seen) == sorted(ids)
    assert len(pages(bench, limit=limit)) == -(-50 // limit)


def test_a_page_ends_the_list_when_nothing_comes_after_it(bench: Workbench) -> None:
    in_one_millisecond(bench, 4)
    page = bench.run(bench.lister.page(owner=OWNER, limit=4))
    assert (len(page.jobs), page.cursor) == (4, None)


def test_the_list_is_stable_under_concurrent_inserts(bench: Workbench) -> None:
    before = in_one_millisecond(bench, 30)
    seen: list[str] = []
    cursor = None
    while True:
        page = bench.run(bench.lister.page(owner=OWNER, limit=4, cursor=cursor))
        seen += [job.id for job in page.jobs]
        cursor = page.cursor
        if cursor is None:
            break
        in_one_millisecond(bench, 3)
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)
    assert [job_id for job_id in seen if job_id in before] == listed(bench)[-30:]


def test_a_cursor_works_after_its_own_job_is_gone(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    older = bench.submit().id
    ids = listed(bench)
    page = bench.run(bench.lister.page(owner=OWNER, limit=1))
    bench.cancel(older)
    bench.delete(page.jobs[0].id)
    rest = bench.run(bench.lister.page(owner=OWNER, limit=1, cursor=page.cursor))
    assert [job.id for job in rest.jobs] == ids[1:]


def test_filters_by_state_and_by_type(bench: Workbench) -> None:
    running = bench.start(THRICE).job_id
    queued = bench.submit(URGENT).id
    cancelled = bench.cancel(bench.submit().id).id
    states = frozenset({State.RUNNING, State.CANCELLED})
    assert set(listed(bench, states=states)) == {running, cancelled}
    assert listed(bench, states=frozenset({State.QUEUED})) == [queued]
    assert set(listed(bench, types=frozenset({"thrice", "urgent"}))) == {running, queued}
    assert listed(bench, states=states, types=frozenset({"once"})) == [cancelled]
    assert listed(bench, types=frozenset({"no such type"})) == []


def test_a_rare_job_is_found_behind_many_others(bench: Workbench) -> None:
    rare = [bench.cancel(bench.submit().id).id for _ in range(3)]
    in_one_millisecond(bench, 100)
    assert sorted(listed(bench, limit=2, states=frozenset({State.CANCELLED}))) == sorted(rare)


def test_expired_and_deleted_jobs_are_not_listed(bench: Workbench) -> None:
    claim = bench.start()
    bench.succeed(claim)
    bench.delete(claim.job_id)
    assert bench.redis.zcard(keys.owner(OWNER)) == 1
    assert listed(bench) == []


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "_", "1_", "_x", "-1_a", "1e3_a", "1_a b", "9" * 20 + "_a", "\u0661_a", "1_\n", "1.5_a", "+inf_a"],
    ids=ascii,
)
def test_a_cursor_that_no_page_gave_is_refused(bench: Workbench, cursor: str) -> None:
    with pytest.raises(InvalidParameter):
        bench.run(bench.lister.page(owner=OWNER, cursor=cursor))


@given(shape=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=25), limit=st.integers(1, 6))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_is_paged_completely_and_in_order(
    bench: Workbench, shape: list[tuple[int, bool]], limit: int
) -> None:
    bench.redis.flushall()
    times: dict[str, int] = {}
    at = 1_000
    for step, is_urgent in shape:
        at += step
        job = bench.submit(URGENT if is_urgent else ONCE)
        # The clock is Redis' own; only so can a history have jobs of the same millisecond at will.
        bench.redis.hset(keys.record(job.id), "created_at", at)
        bench.redis.zadd(keys.owner(OWNER), {job.id: at})
        times[job.id] = at
    in_order = sorted(times, key=lambda job_id: (times[job_id], job_id), reverse=True)
    assert listed(bench, limit=limit) == in_order
    urgent = [job_id for job_id in in_order if bench.read(job_id).type == "urgent"]
    assert listed(bench, limit=limit, types=frozenset({"urgent"})) == urgent


LOOKED_AT = 500
"""Jobs that one page looks at: five calls of `list.lua`."""


def long_list(bench: Workbench, count: int, *, rare: str) -> None:
    """An owner's list of so many jobs, all cancelled but for the oldest: copies of one record, to be quick."""
    source = bench.cancel(bench.submit().id).id
    bench.redis.delete(keys.owner(OWNER))
    with bench.redis.pipeline(transaction=False) as pipe:
        for number in range(count):
            job_id = f"00000000-0000-7000-8000-{number:012x}"
            # Two a millisecond.
            pipe.zadd(keys.owner(OWNER), {job_id: 1_000 + number // 2})
            pipe.copy(keys.record(source), keys.record(job_id))
            pipe.copy(f"rq:job:{source}", f"rq:job:{job_id}")
        pipe.zadd(keys.owner(OWNER), {rare: 999})
        pipe.expire(keys.owner(OWNER), 600)
        pipe.execute()


FILTERS: dict[str, dict[str, object]] = {
    "state": {"states": frozenset({State.QUEUED})},
    "type": {"types": frozenset({"urgent"})},
    "label": {"labels": {"month": "2026-10"}},
    "all": {
        "states": frozenset({State.QUEUED, State.RUNNING}),
        "types": frozenset({"urgent"}),
        "labels": {"month": "2026-10"},
    },
}


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_a_page_looks_at_so_many_jobs_and_its_cursor_goes_on(real_bench: Workbench, filters: dict[str, object]) -> None:
    rare = real_bench.submit(URGENT, labels=b'{"month":"2026-10"}')
    long_list(real_bench, 1200, rare=rare.id)
    real_bench.run(real_bench.lister.page(owner=OWNER))
    real_bench.redis.config_resetstat()
    page = real_bench.run(real_bench.lister.page(owner=OWNER, **filters))  # type: ignore[arg-type]
    assert (page.jobs, page.cursor) == ([], f"{1_000 + 700 // 2}_00000000-0000-7000-8000-{700:012x}")
    statistics: Any = real_bench.redis.info("commandstats")
    assert statistics["cmdstat_hmget"]["calls"] == LOOKED_AT
    assert sum(told["calls"] for told in statistics.values()) < 4 * LOOKED_AT
    seen = pages(real_bench, limit=50, **filters)
    assert [[job.id for job in page] for page in seen] == [[], [], [rare.id]]


def test_a_list_fetches_no_results(real_bench: Workbench) -> None:
    for _ in range(5):
        real_bench.succeed(real_bench.start(), b'"%s"' % (b"x" * 1_000_000))
    listed(real_bench)
    statistics: Any = real_bench.redis.info("stats")
    before = int(statistics["total_net_output_bytes"])
    page = real_bench.run(real_bench.lister.page(owner=OWNER))
    assert [job.is_result_left_out for job in page.jobs] == [True] * 5
    statistics = real_bench.redis.info("stats")
    assert int(statistics["total_net_output_bytes"]) - before < 20_000


LABELS = st.dictionaries(st.text(min_size=1, max_size=3), st.text(max_size=3), max_size=3)


@given(labels=LABELS, wanted=LABELS)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(labels={"a,": ":", "x": ""}, wanted={":": ","})
@example(labels={"\0": "\ud7ff\\"}, wanted={"\0": "\ud7ff\\"})
def test_labels_are_compared_as_texts(bench: Workbench, labels: dict[str, str], wanted: dict[str, str]) -> None:
    bench.redis.flushall()
    job_id = bench.submit(labels=msgspec.json.encode(labels)).id
    for filters in (wanted, labels, dict(list(labels.items())[:1])):
        is_there = all(labels.get(name) == value for name, value in filters.items())
        assert listed(bench, labels=filters) == ([job_id] if is_there else []), filters


@pytest.mark.parametrize("kind", ["string", "hash", "list", "set"])
def test_a_list_that_is_no_list_is_damage_and_said_so(
    bench: Workbench, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = bench.submit()
    bench.redis.delete(keys.owner(OWNER))
    write: dict[str, Callable[[], object]] = {
        "string": lambda: bench.redis.set(keys.owner(OWNER), "x"),
        "hash": lambda: bench.redis.hset(keys.owner(OWNER), "x", "1"),
        "list": lambda: bench.redis.rpush(keys.owner(OWNER), "x"),
        "set": lambda: bench.redis.sadd(keys.owner(OWNER), "x"),
    }
    write[kind]()
    bench.redis.expire(keys.owner(OWNER), 600)
    with pytest.raises(RecordDamaged, match="list of your jobs is damaged"):
        bench.run(bench.lister.page(owner=OWNER))
    assert keys.owner(OWNER) in caplog.text
    assert bench.read(job.id).id == job.id


def test_many_pages_of_one_owner_hold_up_no_other(real_bench: Workbench) -> None:
    # One call looks at a hundred jobs; each of these pages is five.
    rare, theirs = real_bench.submit(), real_bench.submit(owner=STRANGER)
    long_list(real_bench, 600, rare=rare.id)
    lister, types = real_bench.lister, frozenset({"none"})
    real_bench.run(lister.page(owner=OWNER))
    real_bench.redis.config_resetstat()

    async def listed_among_others() -> tuple[list[str], int]:
        others = [asyncio.create_task(lister.page(owner=OWNER, types=types)) for _ in range(60)]
        await asyncio.sleep(0)
        page = await lister.page(owner=STRANGER)
        calls: Any = real_bench.redis.info("commandstats")
        await asyncio.gather(*others)
        return [job.id for job in page.jobs], calls["cmdstat_evalsha"]["calls"]

    ids, calls_before = real_bench.run(listed_among_others())
    assert ids == [theirs.id]
    # Those that are made while the second connection is opened; all sixty wait in line otherwise.
    assert calls_before < 20
