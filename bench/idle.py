"""What one web process and two workers send Redis while there is nothing to do, and how soon they begin a job then.

`python -m bench.idle`, or with `--quick`. Real processes, as the Procfile starts them, on a Redis of their own.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from pollable.catalog import Catalog, JobType
from pollable.cli.embedded import Private, find_server
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.model import Job, State
from pollable.settings import Settings
from pollable.storage.connection import connect_async

ROOT = Path(__file__).resolve().parent.parent
WEB, WORKER = [sys.executable, "-m", "pollable", "serve"], [sys.executable, "worker.py"]
TYPE = JobType(name="nothing", function=print, payload_type=None, result_type=None)
START_S, SETTLE_S = 30.0, 6.0
WATCHED_S, QUICK_S = 30.0, 10.0
JOBS, QUICK_JOBS = 60, 20
DELAYED, DELAY_S = 10, 1.0


def main() -> None:
    """Measure, and print it as JSON."""
    print(json.dumps(measure(is_quick="--quick" in sys.argv[1:]), indent=2))


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Commands a second, by name too, and milliseconds.

    `commands_a_second` counts what scripts call as well, as Redis does (`total_commands_processed`); `reads_a_second`
    how often Redis read from a connection. `begun_ms` is from a job's creation to its claim, `answered_ms` to its end,
    `late_ms` from the due moment of a delayed job to its claim.
    """
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    redis = Private(program)
    try:
        with started(redis.url), Redis.from_url(redis.url) as client:
            wait_for_workers(client)
            time.sleep(SETTLE_S)
            idle = watched(client, QUICK_S if is_quick else WATCHED_S)
            return idle | asyncio.run(timed(redis.url, QUICK_JOBS if is_quick else JOBS))
    finally:
        redis.close()


@contextmanager
def started(redis_url: str) -> Iterator[None]:
    """One web process and two workers; all are stopped at the end."""
    quiet = {"POLLABLE_HOST": "127.0.0.1", "PORT": "0", "POLLABLE_LOG_LEVEL": "error"}
    environment = os.environ | quiet | {"REDIS_URL": redis_url, "POLLABLE_JOBS": "bench.quick"}
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment) for command in (WEB, WORKER, WORKER)]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def wait_for_workers(client: Redis) -> None:
    """Until both listen. Raises `TimeoutError`."""
    deadline = time.monotonic() + START_S
    while client.scard("rq:workers") < 2:
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {START_S:g} s there are no two workers")
        time.sleep(0.1)


def watched(client: Redis, watched_s: float) -> dict[str, Any]:
    """What Redis counted meanwhile, without the two looks."""
    before, began = counts(client), time.monotonic()
    time.sleep(watched_s)
    after, took_s = counts(client), time.monotonic() - began
    names = after["calls"].keys() - {"info"}
    calls = {name: after["calls"][name] - before["calls"].get(name, 0) for name in names}
    each = {name: round(count / took_s, 2) for name, count in sorted(calls.items(), key=lambda item: -item[1]) if count}
    return {
        "commands_a_second": round((after["processed"] - before["processed"] - 1) / took_s, 2),
        "reads_a_second": round((after["reads"] - before["reads"] - 1) / took_s, 2),
        "each": each,
    }


def counts(client: Redis) -> dict[str, Any]:
    """In one call, which counts itself once."""
    told: Any = client.info("all")
    calls = {name.removeprefix("cmdstat_"): row["calls"] for name, row in told.items() if name.startswith("cmdstat_")}
    return {"processed": told["total_commands_processed"], "reads": told["total_reads_processed"], "calls": calls}


async def timed(redis_url: str, jobs: int) -> dict[str, Any]:
    """Jobs one after another, each for workers that have been idle for a moment."""
    settings = Settings(redis_url=redis_url)
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=reader)
        at_once = [await ended(writer, reader) for _ in range(jobs)]
        delayed = [await ended(writer, reader, delay_ms=int(DELAY_S * 1000)) for _ in range(DELAYED)]
    return {
        "begun_ms": spread([(job.started_at or 0) - job.created_at for job in at_once]),
        "answered_ms": spread([(job.ended_at or 0) - job.created_at for job in at_once]),
        "late_ms": spread([(job.started_at or 0) - (job.run_at or 0) for job in delayed]),
    }


async def ended(writer: JobWriter, reader: JobReader, *, delay_ms: int | None = None) -> Job:
    """A job that was submitted at a moment of no rhythm, once it has ended. Raises `TimeoutError`."""
    await asyncio.sleep(random.uniform(0.1, 0.4))
    submission = Submission(type=TYPE, payload=b"null", owner="bench", delay_ms=delay_ms)
    job = (await writer.submit(submission)).job
    async with asyncio.timeout(START_S):
        while job.state is not State.SUCCEEDED:
            await asyncio.sleep(0.02)
            job = await reader.read(job.id, owner="bench")
    return job


def spread(values: list[int]) -> dict[str, float]:
    """Median, the 99th of a hundred, and the most."""
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p99": ordered[int(0.99 * (len(ordered) - 1))], "max": ordered[-1]}


if __name__ == "__main__":
    main()
