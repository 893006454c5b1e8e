"""The p99 of one owner's polls while another does the worst it may, beside its p99 alone: `make bench-fairness`.

Alone and abused take turns, so that what else the machine does falls on both. `ARGS=--quick` takes less than a minute.
"""

import argparse
import asyncio
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jwt
import msgspec
from redis import Redis

from bench.abuses import ABUSES
from bench.processes import resident_mb, wait_for
from pollable import catalog
from pollable.auth.principal import owner_of
from pollable.cli.embedded import Private, find_server
from pollable.errors import WrongState
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage.connection import connect_async
from pollable.worker.claims import Claim, Claims, Ending, Outcome

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "fairness.json"
SECRET = "a secret of the benchmark's own, long enough for HS256"
VICTIM, ABUSER = "ann", "eve"
EVERY_S = 0.01
TIMEOUT_S = 5.0
SETTLE_S = 0.5
MOST = 5.0
"""What the p99 may grow by."""


class Plan(msgspec.Struct, frozen=True):
    """How long and how often is measured; how many jobs the abuser has that its filtered lists look through."""

    rounds: int
    seconds: float
    jobs: int


class Polls(msgspec.Struct):
    """What the victim saw. A poll that failed took as long as it took."""

    taken_ms: list[float] = []
    unavailable: int = 0
    failed: int = 0

    @property
    def p99_ms(self) -> float:
        """0 where nothing was polled."""
        return statistics.quantiles(self.taken_ms, n=100)[98] if len(self.taken_ms) > 1 else 0.0


class Row(msgspec.Struct, frozen=True):
    """One abuse."""

    abuse: str
    alone_ms: float
    abused_ms: float
    ratio: float
    polls: int
    unavailable: int
    failed: int
    memory_mb: float

    @property
    def is_fair(self) -> bool:
        return self.ratio <= MOST and not self.unavailable and not self.failed


def main() -> None:
    """Measure every abuse, or those that are named; exit code 1 where one is unfair."""
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=ABUSES, action="append")
    given = parser.parse_args()
    plan = Plan(rounds=1, seconds=1.2, jobs=2_000) if given.quick else Plan(rounds=4, seconds=5, jobs=100_000)
    program = find_server()
    if program is None:
        sys.exit("The benchmark needs a Redis server.")
    rows: list[Row] = []
    print(f"{'':24} {'alone ms':>9} {'abused ms':>10} {'ratio':>6} {'503s':>6} {'failed':>7} {'memory MB':>10}")
    for name in given.only or ABUSES:
        # Each on a Redis and a web process of its own: what one abuse left behind is not the next one's.
        rows.append(measured(name, program, plan))
        show(rows[-1])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode({"plan": plan, "rows": rows})) + b"\n")
    if unfair := [row.abuse for row in rows if not row.is_fair]:
        sys.exit(f"unfair (p99 more than {MOST:g} times as long, or polls refused): {', '.join(unfair)}")


def show(row: Row) -> None:
    """A line of the table."""
    times = f"{row.alone_ms:9.1f} {row.abused_ms:10.1f} {row.ratio:6.1f}"
    print(f"{row.abuse:24} {times} {row.unavailable:6} {row.failed:7} {row.memory_mb:10.0f}", flush=True)


def measured(name: str, program: Path, plan: Plan) -> Row:
    """Turn by turn."""
    redis = Private(program)
    alone, abused = Polls(), Polls()
    try:
        jobs = plan.jobs if name == "filtered list" else 10
        victims, large = asyncio.run(prepared(redis.url, jobs))
        with served(redis.url) as (port, pid):
            poll(port, victims, Polls(), seconds=0.3)
            for _ in range(plan.rounds):
                poll(port, victims, alone, seconds=plan.seconds)
                with abusing(name, port, large):
                    time.sleep(SETTLE_S)
                    poll(port, victims, abused, seconds=plan.seconds)
                time.sleep(SETTLE_S)
            memory_mb = resident_mb(pid)
    finally:
        redis.close()
    alone_ms, abused_ms = alone.p99_ms, abused.p99_ms
    seen = {"polls": len(abused.taken_ms), "unavailable": abused.unavailable, "failed": abused.failed}
    ratio = round(abused_ms / alone_ms, 2) if alone_ms else 0.0
    return Row(name, round(alone_ms, 2), round(abused_ms, 2), ratio, memory_mb=round(memory_mb), **seen)


async def prepared(redis_url: str, jobs: int) -> tuple[str, str]:
    """A job of the victim's that waits, and one of the abuser's with a result of 1 MB.

    So many others of the abuser's are cancelled: those that wait are limited.
    """
    settings = Settings(redis_url=redis_url)
    sleep = catalog.load_job_types(("bench.sleeper",)).get("sleep")
    async with connect_async(settings) as client:
        reader = JobReader(client, settings)
        writer = JobWriter(client, settings=settings, catalog=catalog.registered, reader=reader)

        async def submitted(subject: str, delay_ms: int | None = 86_400_000) -> str:
            owner = owner_of("", subject)
            submission = Submission(type=sleep, payload=b"null", owner=owner, delay_ms=delay_ms)
            return (await writer.submit(submission)).job.id

        async def cancelled() -> None:
            job_id = await submitted(ABUSER)
            # On a busy machine the answer may come too late: it is then cancelled already when it is asked for again.
            with suppress(WrongState):
                await writer.cancel(job_id, owner=owner_of("", ABUSER))

        victims, large = await submitted(VICTIM), await submitted(ABUSER, None)
        for begun in range(0, jobs, 100):
            await asyncio.gather(*(cancelled() for _ in range(min(100, jobs - begun))))
    with Redis.from_url(redis_url) as redis:
        claims = Claims(redis, lease_s=60, types=["sleep"])
        claim = claims.claim(large)
        if not isinstance(claim, Claim):
            sys.exit(f"the job of 1 MB could not be made: {claim}")
        claims.complete(claim, Outcome(kind=Ending.SUCCEEDED, result=b'"%s"' % (b"x" * 1_000_000)))
    return victims, large


@contextmanager
def served(redis_url: str) -> Iterator[tuple[int, int]]:
    """`pollable serve` with authentication: its port and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"REDIS_URL": redis_url, "PORT": str(port), "POLLABLE_HOST": "127.0.0.1", "POLLABLE_AUTH": "jwt"}
    settings |= {"POLLABLE_JWT_SECRET": SECRET, "POLLABLE_JOBS": "bench.sleeper", "POLLABLE_LOG_LEVEL": "error"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POLLABLE_")}
    command = [sys.executable, "-m", "pollable", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=kept | settings, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, process.pid
    finally:
        # Whoever abuses it may hold it up for as long as a stop may take.
        process.kill()
        process.wait()


@contextmanager
def abusing(name: str, port: int, job_id: str) -> Iterator[None]:
    """In a process of its own."""
    command = [sys.executable, "-m", "bench.abuses", name, str(port), bearer(ABUSER), job_id]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        yield
        if process.poll() is not None:
            sys.exit(f"the abuser of {name!r} ended by itself")
    finally:
        process.kill()
        process.wait()


def bearer(subject: str) -> str:
    """A token for an hour."""
    return jwt.encode({"sub": subject, "exp": int(time.time()) + 3600}, SECRET, algorithm="HS256")


def poll(port: int, job_id: str, polls: Polls, *, seconds: float) -> None:
    """A poll every 10 ms, on a connection that is kept; one that takes longer delays the next."""
    headers = {"Authorization": f"Bearer {bearer(VICTIM)}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        try:
            connection.request("GET", f"/jobs/{job_id}", headers=headers)
            answer = connection.getresponse()
            is_right = json.loads(answer.read()).get("id") == job_id
            polls.unavailable += answer.status == 503
            polls.failed += not is_right and answer.status != 503
        except (OSError, http.client.HTTPException, ValueError):
            polls.failed += 1
            connection.close()
        polls.taken_ms.append((time.monotonic() - began) * 1000)
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))
    connection.close()


if __name__ == "__main__":
    main()
