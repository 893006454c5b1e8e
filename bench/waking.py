"""Changes every job on the standard input: `python -m bench.waking REDIS_URL`. Says when it sent each.

A job waits, and is cancelled; the moment is before the call is sent, so that nothing is taken off what follows.
"""

import asyncio
import json
import sys
import time

from bench.crowd import owner_at
from pollable.catalog import Catalog
from pollable.jobs.changing import JobWriter
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage.connection import connect_async

AT_ONCE = 50


async def woken(redis_url: str, ids: list[str]) -> dict[str, float]:
    """By job, on the clock that all processes of the machine share."""
    settings = Settings(redis_url=redis_url)
    sent: dict[str, float] = {}
    async with connect_async(settings) as client:
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=JobReader(client, settings))

        async def one(place: int) -> None:
            sent[ids[place]] = time.monotonic()
            await writer.cancel(ids[place], owner=owner_at(place))

        for begun in range(0, len(ids), AT_ONCE):
            await asyncio.gather(*map(one, range(begun, min(begun + AT_ONCE, len(ids)))))
    return sent


if __name__ == "__main__":
    print(json.dumps(asyncio.run(woken(sys.argv[1], json.load(sys.stdin)))))
