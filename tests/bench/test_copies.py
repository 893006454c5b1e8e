"""A copied job is read as the one it was copied from, and lies in the same lists."""

import asyncio

import pytest
from redis import Redis

from bench.copies import copied, traces
from pollable.catalog import Catalog, JobType
from pollable.cli.embedded import Private
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.model import Job
from pollable.settings import Settings
from pollable.storage.connection import connect_async

JOBS = 12
KIND = JobType(name="sleep", function=print, payload_type=None, result_type=None)


@pytest.fixture
def settings(redis_server: Private) -> Settings:
    # Live jobs are left behind, for ever, as they are where nobody copies them.
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return Settings(redis_url=redis_server.url, auth="none", redis_risks="accepted")


async def waiting(settings: Settings) -> tuple[str, list[Job]]:
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=reader)
        job = (await writer.submit(Submission(type=KIND, payload=b"null", owner="ann"))).job
        with Redis.from_url(settings.redis_url) as redis:
            path = copied(redis, job.id, JOBS)
        ids = [path.replace("@", f"{number:012x}") for number in (1, JOBS)]
        return job.id, [await reader.read(job_id, owner="ann") for job_id in [job.id, *ids]]


def test_copies_read_as_the_job_itself(settings: Settings) -> None:
    _, (job, first, last) = asyncio.run(waiting(settings))
    assert {first.state, last.state} == {job.state}
    assert {first.created_at, last.created_at} == {job.created_at}
    assert len({job.id, first.id, last.id}) == 3


def test_copies_lie_wherever_the_job_lies(settings: Settings) -> None:
    job_id, _ = asyncio.run(waiting(settings))
    with Redis.from_url(settings.redis_url) as redis:
        found = traces(redis, job_id)
        assert any("queue" in key for key in found.listed)
        assert len(found.own) >= 2
        assert all(redis.llen(key) == JOBS + 1 for key in found.listed)
        assert all(redis.zcard(key) == JOBS + 1 for key in found.scored)
        assert {redis.zscore(key, "00000001-0000-7000-8000-000000000001") for key in found.scored} == {
            redis.zscore(key, job_id) for key in found.scored
        }
