"""Quick jobs a second, beside RQ's own workers on the same machine in one run: `python -m bench.workers`.

Each worker empties a queue that was filled before it started. Ours and RQ's take turns; figures are medians of rounds.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as NoConnection
from rq import Queue

from bench import quick
from bench.plain_quick import quick as plain_quick
from pollable.catalog import Catalog, JobType
from pollable.cli.embedded import find_server
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage.connection import connect_async

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
WARM = 20
"""Jobs before the clock starts."""
WITHIN_S = 120.0
QUEUE = "pollable"

OURS = (sys.executable, str(ROOT / "worker.py"))
RQS = (sys.executable, "-m", "rq.cli", "worker", QUEUE, "--url")
PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...], int, float]] = {
    "process-per-job": ((), (), 300, 1.5),
    "jobs-per-process": (("--jobs-per-process", "100"), (), 1000, 6.0),
    "simple": (("--simple",), ("--worker-class", "rq.SimpleWorker"), 1000, 2.5),
}
"""Our options, RQ's, how many jobs, and how many times RQ's own it is to be."""


def main() -> None:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round, of fewer jobs")
    parser.add_argument("--only", choices=PAIRS, action="append")
    given = parser.parse_args()
    figures = measure(rounds=1 if given.quick else ROUNDS, share=0.3 if given.quick else 1.0, only=given.only or PAIRS)
    print(f"{'quick jobs a second':24} {'ours':>8} {'RQ':>8} {'ratio':>6} {'target':>7}")
    for name, row in figures.items():
        print(f"{name:24} {row['ours']:8} {row['rq']:8} {row['ratio']:6} {row['target']:7}")
    print(json.dumps(figures))


def measure(
    *, rounds: int = ROUNDS, share: float = 1.0, only: Sequence[str] | dict[str, Any] = PAIRS
) -> dict[str, dict[str, float]]:
    """For each way of working: jobs a second of ours and of RQ's (medians), their ratio, and what that should be.

    `share` of the jobs is run. Raises `TimeoutError` where a worker does not empty its queue.
    """
    seen: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in only}
    with redis_server() as url:
        for _ in range(rounds):
            for name, (ours, rqs) in seen.items():
                our_options, rq_options, most, _ = PAIRS[name]
                jobs = max(int(most * share), WARM * 3)
                asyncio.run(submitted(url, jobs))
                ours.append(rate([*OURS, *our_options], url, jobs))
                enqueued(url, max(jobs // 3, WARM * 3))
                rqs.append(rate([*RQS, url, *rq_options], url, max(jobs // 3, WARM * 3)))
    return {name: row(ours, rqs, target=PAIRS[name][3]) for name, (ours, rqs) in seen.items()}


def row(ours: list[float], rqs: list[float], *, target: float) -> dict[str, float]:
    """A line of the table."""
    one, other = statistics.median(ours), statistics.median(rqs)
    return {"ours": round(one, 1), "rq": round(other, 1), "ratio": round(one / other, 2), "target": target}


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of a Redis of our own on a free port; it goes at the end. Raises `SystemExit` where there is none."""
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        kept = ("--save", "", "--appendonly", "no", "--dir", directory, "--logfile", str(Path(directory, "log")))
        process = subprocess.Popen([program, "--port", str(port), "--bind", "127.0.0.1", *kept])
        try:
            with Redis(port=port) as client:
                until(lambda: answers(client), within_s=10)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def answers(client: "Redis") -> bool:
    """Whether it listens."""
    with suppress(NoConnection):
        return bool(client.ping())
    return False


async def submitted(redis_url: str, jobs: int) -> None:
    """So many of our jobs wait, as a web process writes them."""
    settings = Settings(redis_url=redis_url, max_queue_depth=max(jobs, 1), owner_max_jobs=0, owner_max_bytes=0)
    job_type = JobType(name="quick", function=quick.quick, payload_type=None, result_type=str)
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=reader)
        for begun in range(0, jobs, 200):
            batch = range(min(200, jobs - begun))
            await asyncio.gather(
                *(writer.submit(Submission(type=job_type, payload=b"null", owner="bench")) for _ in batch)
            )


def enqueued(redis_url: str, jobs: int) -> None:
    """So many of RQ's jobs wait."""
    with Redis.from_url(redis_url) as client:
        queue = Queue(QUEUE, connection=client)
        queue.enqueue_many([Queue.prepare_data(plain_quick) for _ in range(jobs)])


def rate(command: Sequence[str], redis_url: str, jobs: int) -> float:
    """Jobs a second of one worker on a Redis that is emptied at the end. Raises `TimeoutError`."""
    with Redis.from_url(redis_url) as client, working(command, redis_url):
        until(lambda: done(client) >= WARM, within_s=WITHIN_S)
        first, began = done(client), time.monotonic()
        until(lambda: done(client) >= jobs, within_s=WITHIN_S)
        taken_s = time.monotonic() - began
    with Redis.from_url(redis_url) as client:
        client.flushall()
    return (jobs - first) / taken_s


@contextmanager
def working(command: Sequence[str], redis_url: str) -> Iterator[int]:
    """The process id of a worker that is ended after the block."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("POLLABLE_")}
    ours = {"REDIS_URL": redis_url, "POLLABLE_JOBS": "bench.quick", "PYTHONPATH": str(ROOT)}
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=inherited | ours, stdout=nowhere, stderr=nowhere)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def done(client: "Redis") -> int:
    """How many jobs its workers say they have done."""
    workers: Any = client.smembers("rq:workers")
    return sum(int(client.hget(key, "successful_job_count") or 0) for key in workers)


def until(condition: Any, *, within_s: float) -> None:
    """Wait for it. Raises `TimeoutError`."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {within_s:g} s")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
