"""Listing: newest first, page by page, whatever is submitted meanwhile."""

import asyncio

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pollable.errors import InvalidParameter
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
