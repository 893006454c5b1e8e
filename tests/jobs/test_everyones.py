"""The list of everyone's jobs: whoever's they are, newest first, and hardly longer than there are jobs."""

import pytest

from pollable.model import Job, State
from pollable.storage import keys
from tests.jobs.workbench import ONCE, OWNER, STRANGER, URGENT, Workbench

INDEX = keys.owner("")


def listed(bench: Workbench, *, limit: int = 50, **filters: object) -> list[str]:
    """By pages, from the first to the last."""
    found: list[Job] = []
    cursor = None
    while True:
        page = bench.run(bench.lister.page(owner=None, limit=limit, cursor=cursor, **filters))  # type: ignore[arg-type]
        found += page.jobs
        cursor = page.cursor
        if cursor is None:
            return [job.id for job in found]


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_it_has_every_owners_jobs_newest_first(bench: Workbench, limit: int) -> None:
    ids = [bench.submit(owner=owner).id for owner in (OWNER, STRANGER, OWNER, "owner-3")]
    found = listed(bench, limit=limit)
    assert set(found) == set(ids)
    times = [bench.read(job_id, owner=None).created_at for job_id in found]
    assert times == sorted(times, reverse=True)


def test_no_owner_is_not_everyone(bench: Workbench) -> None:
    # As jobs of other code have it.
    bench.submit()
    page = bench.run(bench.lister.page(owner=""))
    assert (page.jobs, page.cursor) == ([], None)


def test_it_says_whose_each_is(bench: Workbench) -> None:
    bench.submit(owner=STRANGER)
    assert [job.owner for job in bench.run(bench.lister.page(owner=None)).jobs] == [STRANGER]


def test_it_is_filtered_as_an_owners_is(bench: Workbench) -> None:
    bench.submit(owner=OWNER)
    urgent = bench.submit(URGENT, owner=STRANGER, labels=b'{"month":"2026-11"}').id
    cancelled = bench.cancel(bench.submit(owner=OWNER).id).id
    assert listed(bench, types=frozenset({"urgent"})) == [urgent]
    assert listed(bench, labels={"month": "2026-11"}) == [urgent]
    assert listed(bench, states=frozenset({State.CANCELLED})) == [cancelled]


def test_what_was_deleted_has_expired_or_was_rerun(bench: Workbench) -> None:
    deleted, expired, again = (bench.start(ONCE, owner=STRANGER) for _ in range(3))
    for claim in (deleted, expired, again):
        bench.succeed(claim)
    bench.delete(deleted.job_id, owner=STRANGER)
    bench.redis.hset(keys.record(expired.job_id), "expires_at", 1)
    newest = bench.rerun(again.job_id, owner=STRANGER)
    assert set(listed(bench)) == {again.job_id, newest.id}
    assert bench.redis.zscore(INDEX, deleted.job_id) is None


def test_it_is_submitted_to_once_however_often_it_is_sent(bench: Workbench) -> None:
    for _ in range(2):
        bench.submit(idempotency_key="k")
    assert len(listed(bench)) == 1


def test_it_does_not_keep_what_is_over_whatever_lives_longest(bench: Workbench) -> None:
    # The oldest lives: who looked at the oldest alone would take nothing away.
    oldest = bench.submit(delay_ms=3_600_000).id
    for number in range(400):
        # Each has an owner of its own, who never comes again.
        job = bench.submit(owner=f"owner-{number}")
        if number % 4:
            bench.redis.delete(keys.record(job.id), f"rq:job:{job.id}")
            bench.redis.zrem(f"rq:pollable:pending:{job.queue}", job.id)
    live = len(listed(bench))
    assert live == 101
    assert bench.redis.zscore(INDEX, oldest) is not None
    assert live <= bench.redis.zcard(INDEX) < 3 * live
    assert 0 < bench.redis.ttl(INDEX) <= 40 * 86_400


def test_what_its_owner_holds_no_longer_goes_as_the_owner_comes_again(bench: Workbench) -> None:
    gone = [bench.start(ONCE) for _ in range(4)]
    for claim in gone:
        bench.succeed(claim)
        bench.redis.zadd(f"rq:pollable:held:{OWNER}", {claim.job_id: 1})
        bench.redis.delete(keys.record(claim.job_id), f"rq:job:{claim.job_id}")
    newest = bench.submit()
    assert bench.redis.zrange(INDEX, 0, -1) == [newest.id.encode()]


def test_of_another_type_it_stops_neither_submit_nor_delete(bench: Workbench) -> None:
    bench.redis.set(INDEX, "x", ex=60)
    job = bench.submit()
    assert bench.read(job.id).state is State.QUEUED
    bench.cancel(job.id)
    bench.delete(job.id)
