"""A Redis that was filled until it refused: workers alone empty it, also those that come afterwards."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from pollable.catalog import Catalog, JobType
from pollable.errors import StoreFull
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.model import State
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async
from tests.saying_no import ContraryRedis
from tests.servers import programs
from tests.worker.contrary import LEASE_S, staff
from tests.worker.desk import Desk
from tests.worker.journal import Journal
from tests.worker.staff import Staff
from tests.worker.waiting import until

__all__ = ["staff"]
FREE = 4_000_000


@pytest.fixture(params=sorted(programs()))
def contrary(request: pytest.FixtureRequest) -> Iterator[ContraryRedis]:
    server = ContraryRedis(programs()[request.param])
    yield server
    server.close()


@pytest.fixture
def desk(contrary: ContraryRedis) -> Iterator[Desk]:
    with Desk(Settings(redis_url=contrary.url, lease_s=LEASE_S)) as desk:
        yield desk
    assert desk.violations == []


async def fill(settings: Settings, *, size: int) -> list[str]:
    """Submit until there is no more room; nobody watches these jobs, who would be the busiest of all."""
    nap = JobType(name="nap", function=print, payload_type=Any, result_type=Any)
    submission = Submission(type=nap, payload=b'{"what":"%s"}' % (b"x" * size), owner="owner")
    job_ids: list[str] = []
    async with connect_async(settings) as redis:
        writer = JobWriter(redis, settings=settings, catalog=Catalog(), reader=JobReader(redis, settings))
        with suppress(StoreFull):
            while True:
                job_ids.append((await writer.submit(submission)).job.id)
    return job_ids


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("size", "arguments"),
    [(10, ("--simple",)), (4_000, ("--workers", "2")), (50_000, ())],
    ids=["a thousand small", "middling", "large"],
)
def test_workers_alone_empty_it(contrary: ContraryRedis, staff: Staff, size: int, arguments: tuple[str, ...]) -> None:
    contrary.fill(headroom_bytes=FREE)
    job_ids = asyncio.run(fill(Settings(redis_url=contrary.url, lease_s=LEASE_S), size=size))
    assert len(job_ids) > 30
    worker = staff.hire(*arguments)
    until(lambda: not contrary.admin.zcard("rq:pollable:pending:pollable"), within_s=240, what="the last start")
    until(lambda: not contrary.admin.zcard("rq:pollable:leases"), within_s=30, what="the last end")
    assert {contrary.admin.hget(keys.record(job_id), "state") for job_id in job_ids} == {b"succeeded"}
    assert "OOM" not in worker.log
    assert "Traceback" not in worker.log


def test_workers_wait_while_others_fill_it_and_come_back(
    contrary: ContraryRedis, desk: Desk, staff: Staff, journal: Journal
) -> None:
    early = staff.start()
    job_ids = [desk.submit("nap", plan={"nap_s": 1.0}) for _ in range(3)]
    journal.started(job_ids[0])
    contrary.fill(headroom_bytes=-100_000)
    late = staff.hire()
    # What runs can end.
    assert desk.ended(job_ids[0]).state is State.SUCCEEDED
    until(lambda: "Redis says no" in late.log, within_s=30, what="the late worker noticing")
    contrary.set(maxmemory=0)
    staff.until_listening(late)
    for job_id in job_ids:
        assert desk.ended(job_id, within_s=60).state is State.SUCCEEDED
    for worker in (early, late):
        assert worker.exit_code is None
        assert "Traceback" not in worker.log
