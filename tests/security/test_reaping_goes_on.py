"""A key of another type stops no reaper: whoever else is lost is put back on the way."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from pollable.model import State
from pollable.settings import Settings
from tests.jobs.workbench import ONCE, THRICE, Real, Workbench, until
from tests.security.test_wrong_types import KEYS, TYPES


@pytest.fixture
def bench(redis_url: str) -> Iterator[Workbench]:
    with closing(Workbench(Real(redis_url), Settings())) as made:
        yield made
        made.redis.flushall()


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "hash"])
@pytest.mark.parametrize("name", ["record", "rq hash", "results", "executions"])
def test_the_reaper_goes_past_what_is_spoilt(bench: Workbench, name: str, kind: str) -> None:
    lost = [bench.submit(THRICE).id for _ in range(3)]
    stranded = [bench.submit(ONCE).id for _ in range(3)]
    for _ in (*lost, *stranded):
        bench.pop()
    for job_id in lost:
        bench.claim(job_id, lease_s=0.05)
    for job_id in (lost[0], stranded[0]):
        key = KEYS[name].format(id=job_id)
        bench.redis.delete(key)
        TYPES[kind](bench.redis, key)
    for job_id in (*lost[1:], *stranded[1:]):
        bench.reap_until(job_id, lambda job: job.state is State.QUEUED)
    until(bench.queued, lambda ids: {*lost[1:], *stranded[1:]} <= set(ids))
