"""Whether time tells a job of somebody else's from one that never was: `make bench-indistinct`. One process, no HTTP.

10,000 reads of each kind, one after another, in a new order each round: of a job with a result of 1 MB, of one with a
small one, of two that never were, of no id at all.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence

from pollable.catalog import Catalog, JobType
from pollable.cli.embedded import Private, find_server
from pollable.errors import JobNotFound
from pollable.ids import new_id
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import connect_async

SAMPLES = 10_000
ASKS, OWNS = "who-asks", "who-owns"
RESULTS = {"theirs, 1 MB": b'"%s"' % (b"x" * 1_048_574), "theirs, small": b"1"}


def main() -> None:
    """Read, print how long each kind took."""
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    redis = Private(program)
    try:
        report(asyncio.run(measured(redis.url)))
    finally:
        redis.close()


async def measured(redis_url: str) -> Mapping[str, Sequence[float]]:
    """Seconds that each read took, by kind."""
    settings = Settings(redis_url=redis_url)
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=reader)
        sleep = JobType(name="sleep", function=print, payload_type=None, result_type=None)
        ids = {"missing": new_id(), "also missing": new_id(), "malformed": "no id"}
        for kind, result in RESULTS.items():
            job = (await writer.submit(Submission(type=sleep, payload=b"null", owner=OWNS))).job
            await client.hset(keys.record(job.id), mapping={"state": "succeeded", "result": result})
            ids[kind] = job.id
        samples: dict[str, list[float]] = {kind: [] for kind in ids}
        for _ in range(SAMPLES):
            for kind, job_id in random.sample(list(ids.items()), len(ids)):
                began = time.perf_counter()
                await refused(reader, job_id)
                samples[kind].append(time.perf_counter() - began)
    return samples


async def refused(reader: JobReader, job_id: str) -> None:
    """A read that is to find nothing."""
    try:
        await reader.read(job_id, owner=ASKS)
    except JobNotFound:
        return
    sys.exit(f"{job_id} was found")


def report(samples: Mapping[str, Sequence[float]]) -> None:
    """One row a kind. `longer` is how often it took longer than one that is missing: half of the time, if alike."""
    print(f"{'microseconds':14} {'p10':>7} {'median':>7} {'p90':>7} {'p99':>7} {'longer':>7}")
    for kind, seconds in samples.items():
        tenths, hundredths = statistics.quantiles(seconds, n=10), statistics.quantiles(seconds, n=100)
        shown = [tenths[0], statistics.median(seconds), tenths[8], hundredths[98]]
        longer = sum(own > other for own, other in zip(seconds, samples["missing"], strict=True)) / len(seconds)
        print(f"{kind:14} {' '.join(f'{value * 1e6:7.0f}' for value in shown)} {longer:7.3f}")


if __name__ == "__main__":
    main()
