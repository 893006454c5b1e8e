"""How long 100,000 callers read `queued` after `rq empty`: `make bench-emptying`. One web process, no worker."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from redis import Redis

from pollable.catalog import Catalog, JobType
from pollable.cli.embedded import Private, find_server
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage.connection import connect_async

JOBS = 100_000
AT_ONCE = 500
WITHIN_S = 120.0
ROOT = Path(__file__).resolve().parent.parent
RECORDS = "rq:pollable:job:*"


def main() -> None:
    """Submit, empty, wait; print how long it took."""
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    redis = Private(program)
    web = subprocess.Popen([sys.executable, "-m", "pollable", "serve"], cwd=ROOT, env=environment(redis.url))
    try:
        with Redis.from_url(redis.url) as client:
            asyncio.run(submitted(redis.url, jobs))
            print(f"{jobs} jobs wait in one queue; rq empty", flush=True)
            subprocess.run([Path(sys.executable).with_name("rq"), "empty", "-u", redis.url, "pollable"], check=True)
            print(f"all read cancelled after {settled_s(client, jobs, within_s=WITHIN_S):.1f} s")
    finally:
        web.terminate()
        web.wait()
        redis.close()


async def submitted(redis_url: str, jobs: int) -> None:
    """That many jobs that wait in one queue, as a web process writes them."""
    settings = Settings(redis_url=redis_url, max_queue_depth=max(jobs, 1), owner_max_jobs=0, owner_max_bytes=0)
    sleep = JobType(name="sleep", function=print, payload_type=None, result_type=None)
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=reader)
        for begun in range(0, jobs, AT_ONCE):
            batch = range(min(AT_ONCE, jobs - begun))
            await asyncio.gather(
                *(writer.submit(Submission(type=sleep, payload=b"null", owner=f"bench-{begun}")) for _ in batch)
            )


def settled_s(redis: Redis, jobs: int, *, within_s: float) -> float:
    """Seconds from now until so many records say `cancelled`. Raises `TimeoutError`."""
    began = time.monotonic()
    waiting: list[bytes] = list(redis.scan_iter(RECORDS, count=10_000))
    done = 0
    while done < jobs:
        if time.monotonic() > began + within_s:
            raise TimeoutError(f"after {within_s} s {done} of {jobs} jobs are settled")
        time.sleep(0.2)
        waiting, before = still_waiting(redis, waiting), len(waiting)
        done += before - len(waiting)
    return time.monotonic() - began


def still_waiting(redis: Redis, keys: list[bytes]) -> list[bytes]:
    """Those whose state is not `cancelled`."""
    states: list[Any] = []
    for begun in range(0, len(keys), 5000):
        with redis.pipeline(transaction=False) as pipeline:
            for key in keys[begun : begun + 5000]:
                pipeline.hget(key, "state")
            states += pipeline.execute()
    return [key for key, state in zip(keys, states, strict=True) if state != b"cancelled"]


def environment(redis_url: str) -> dict[str, str]:
    """Of the web process, whose reaper does the work."""
    quiet = {"POLLABLE_HOST": "127.0.0.1", "PORT": "0", "POLLABLE_LOG_LEVEL": "error"}
    return os.environ | quiet | {"REDIS_URL": redis_url, "POLLABLE_JOBS": "bench.sleeper"}


if __name__ == "__main__":
    main()
