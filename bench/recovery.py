"""How long a job whose worker was killed -9 reads `running`: `make bench-recovery`. Real processes, default lease."""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pollable import catalog
from pollable.cli.embedded import Private, find_server
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.model import Job
from pollable.settings import Settings
from pollable.storage.connection import connect_async

ROUNDS = 8
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Kill a worker in the middle of a job, several times; print how long it took until the job ran again."""
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    redis = Private(program)
    try:
        waits_s = asyncio.run(measured(redis.url))
    finally:
        redis.close()
    print(f"{len(waits_s)} workers killed -9 mid-job, lease {Settings().lease_s:g} s; seconds until the job ran again:")
    print(f"median {statistics.median(waits_s):.1f}, least {min(waits_s):.1f}, most {max(waits_s):.1f}")


async def measured(redis_url: str) -> list[float]:
    """One wait a round."""
    settings = Settings(redis_url=redis_url, jobs=("bench.sleeper",))
    types = catalog.load_job_types(settings.jobs)
    async with connect_async(settings) as client:
        store = JobReader(client, settings)
        jobs = JobWriter(client, settings=settings, catalog=types, reader=store)
        # One more worker than is killed: its reaper and its hands are what recovers the job.
        workers = [started(redis_url), started(redis_url)]
        try:
            return [await one_round(jobs, store, workers, redis_url) for _ in range(ROUNDS)]
        finally:
            for worker in workers:
                worker.kill()


async def one_round(jobs: JobWriter, store: JobReader, workers: list[subprocess.Popen[bytes]], redis_url: str) -> float:
    """Submit, wait until it runs, kill its worker, wait until it runs again."""
    submission = Submission(type=catalog.registered.get("sleep"), payload=b"null", owner="bench")
    job = (await jobs.submit(submission)).job
    await until(store, job, attempts=1)
    killed = await worker_of(job, redis_url)
    began = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    await until(store, job, attempts=2)
    wait_s = time.monotonic() - began
    await jobs.cancel(job.id, owner="bench")
    for place, worker in enumerate(workers):
        if worker.pid == killed:
            worker.wait()
            workers[place] = started(redis_url)
    return wait_s


async def until(store: JobReader, job: Job, *, attempts: int) -> None:
    """Until the job runs its attempt number `attempts`; gives up after a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = await store.read(job.id, owner="bench")
        if seen.attempts == attempts and seen.state.value == "running":
            return
        await asyncio.sleep(0.02)
    sys.exit(f"attempt {attempts} of job {job.id} did not begin")


async def worker_of(job: Job, redis_url: str) -> int:
    """The process id of the worker that RQ names, once the work-horse has told RQ."""
    deadline = time.monotonic() + 10
    async with connect_async(Settings(redis_url=redis_url)) as client:
        while time.monotonic() < deadline:
            name: Any = await client.hget(f"rq:job:{job.id}", "worker_name")
            pid: Any = await client.hget(f"rq:worker:{name.decode()}", "pid") if name else None
            if pid:
                return int(pid)
            await asyncio.sleep(0.02)
    sys.exit(f"RQ names no worker for job {job.id}")


def started(redis_url: str) -> "subprocess.Popen[bytes]":
    """A worker process."""
    environment = os.environ | {"REDIS_URL": redis_url, "POLLABLE_JOBS": "bench.sleeper", "POLLABLE_LOG_LEVEL": "error"}
    return subprocess.Popen([sys.executable, "worker.py"], cwd=ROOT, env=environment)


if __name__ == "__main__":
    main()
