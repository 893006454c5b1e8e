"""What a page of 50 costs among a thousand jobs, and among a million: `make bench-lists`. No HTTP.

The jobs are copies of one that was cancelled, but for the fifty oldest, which are of another type: a page filtered by
that type is the worst there is. A thousand jobs are one owner's, a million another's.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

from redis import Redis

from pollable.catalog import Catalog, JobType
from pollable.cli.embedded import Private, find_server
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.listing import JobLister
from pollable.jobs.reading import JobReader
from pollable.model import State
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async

SIZES = (1_000, 1_000_000)
ROUNDS = 50
FILTERS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "state": {"states": frozenset({State.FAILED})},
    "type": {"types": frozenset({"rare"})},
    "label": {"labels": {"month": "2026-10"}},
}
# Copies of a record and of its hash, two jobs a millisecond.
FILL = """
local record, hash = redis.call('DUMP', KEYS[1]), redis.call('DUMP', KEYS[2])
for number = ARGV[1], ARGV[2] do
  local id = string.format('%08x-0000-7000-8000-%012x', ARGV[3], number)
  redis.call('RESTORE', ARGV[4] .. id, 0, record)
  redis.call('RESTORE', ARGV[5] .. id, 0, hash)
  redis.call('ZADD', KEYS[3], 1000 + math.floor(number / 2), id)
end
"""


def main() -> None:
    """Fill, list, print."""
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    redis = Private(program)
    try:
        asyncio.run(measured(redis.url, sizes))
    finally:
        redis.close()


async def measured(redis_url: str, sizes: tuple[int, ...]) -> None:
    """A row for each filter and number of jobs."""
    settings = Settings(redis_url=redis_url)
    async with connect_async(settings) as client:
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=JobReader(client, settings))
        lister = JobLister(client)
        for size in sizes:
            await filled(writer, redis_url, size)
        print(f"{'filter':8} {'jobs':>9} {'found':>6} {'pages to the end':>17} {'a page, ms':>11}")
        for name, filters in FILTERS.items():
            for size in sizes:
                await report(lister, name, size, filters)


async def filled(writer: JobWriter, redis_url: str, size: int) -> None:
    """So many jobs of one owner."""
    owner = owner_of(size)
    for name in ("often", *["rare"] * 50):
        kind = JobType(name=name, function=print, payload_type=None, result_type=None)
        job = (
            await writer.submit(Submission(type=kind, payload=b"null", owner=owner, labels=b'{"month":"2026-11"}'))
        ).job
        await writer.cancel(job.id, owner=owner)
        with Redis.from_url(redis_url, socket_timeout=60) as client:
            client.zadd(keys.owner(owner), {job.id: 1})
            if name == "often":
                source = (keys.record(job.id), f"{keys.RQ_PREFIX}job:{job.id}", keys.owner(owner))
                for begun in range(1, size, 10_000):
                    last = min(begun + 9_999, size - 50)
                    client.eval(FILL, 3, *source, begun, last, size, keys.record(""), f"{keys.RQ_PREFIX}job:")


def owner_of(size: int) -> str:
    """Who has so many."""
    return f"owner-of-{size}"


async def report(lister: JobLister, name: str, size: int, filters: Mapping[str, Any]) -> None:
    """The median time of first pages, and how many there are before the first that has a job."""
    times_ms = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        page = await lister.page(owner=owner_of(size), **filters)
        times_ms.append((time.perf_counter() - began) * 1000)
    pages, cursor = 1, page.cursor
    while cursor is not None and name != "none":
        pages, cursor = pages + 1, (await lister.page(owner=owner_of(size), cursor=cursor, **filters)).cursor
    told = f"{pages:17}" if name != "none" else f"{'':17}"
    print(f"{name:8} {size:9} {len(page.jobs):6} {told} {statistics.median(times_ms):11.2f}", flush=True)


if __name__ == "__main__":
    main()
