"""Ten thousand callers who wait in one web process: what they hold, and how soon ten thousand changes reach them."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import uvloop
from redis import Redis

from bench import service
from bench.crowd import Crowd, owner_at
from bench.figures import Row, Series, outcome, percentile, rounded, series
from bench.jobs import Order
from bench.processes import ROOT, own_redis, resident_mb
from bench.rounds import Failed, progress
from bench.service import Server
from pollable.catalog import Catalog, JobType
from pollable.jobs.changing import JobWriter, Submission
from pollable.jobs.reading import JobReader
from pollable.settings import Settings
from pollable.storage.connection import connect_async

WAITERS, QUICK_WAITERS = 10_000, 1_000
WAIT_S, SETTLE_S, WITHIN_S = 25, 1.0, 20.0
MUST = {"memory": 200.0, "connections": 4.0, "all": 1.5, "p99": 250.0}
UNITS = {"memory": "MB", "connections": "", "all": "s", "p99": "ms", "last": "s", "before": "MB"}


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """One web process, no worker: jobs that wait are cancelled, and each waiter must be told of its own."""
    many = QUICK_WAITERS if is_quick else WAITERS
    whats = {
        "memory": f"{many:,} waiters in one process: its memory",
        "connections": "the same: its connections to Redis",
        "all": f"the same: until all have been told of {many:,} changes",
        "p99": "the same: p99 from publish to answer",
        "last": "the same: from the last change to the last answer",
        "before": "the same: memory before they came",
    }
    with own_redis() as redis, service.web(redis.url) as web:
        ids = uvloop.run(jobs(redis.url, many))
        try:
            found, taken_ms = uvloop.run(watched(redis.url, web, ids))
        except Failed as error:
            found, taken_ms, why = dict.fromkeys(MUST), [], str(error)
        else:
            why = ""
    rows = [
        Row(what=whats[name], value=value, unit=UNITS[name], target=MUST.get(name), is_limit=True, why=why)
        for name, value in found.items()
    ]
    figures: dict[str, Series] = {}
    if taken_ms:
        whole = series(taken_ms)
        shares = [rounded(percentile(taken_ms, share)) for share in (0.5, 0.9, 0.99)]
        figures["from publish to answer, ms"] = Series(whole.median, whole.least, whole.most, shares)
    return outcome(rows, figures)


async def jobs(redis_url: str, many: int) -> list[str]:
    """Of many owners; they wait, and no worker is there."""
    settings = Settings(redis_url=redis_url, owner_max_jobs=0)
    kind = JobType(name="repeat", function=print, payload_type=Order, result_type=None)
    async with connect_async(settings) as client:
        writer = JobWriter(client, settings=settings, catalog=Catalog(), reader=JobReader(client, settings))
        ids: list[str] = []
        for begun in range(0, many, 500):
            batch = range(begun, min(begun + 500, many))
            submissions = (Submission(type=kind, payload=b'{"size":1}', owner=owner_at(place)) for place in batch)
            ids += [accepted.job.id for accepted in await asyncio.gather(*map(writer.submit, submissions))]
    return ids


async def watched(redis_url: str, web: Server, ids: list[str]) -> tuple[dict[str, float | None], list[float]]:
    """What was found, and the milliseconds of each. Raises `Failed` where nobody waits with the callers."""
    crowd = Crowd(web.port, ids, wait_s=WAIT_S)
    with Redis.from_url(redis_url) as client:
        began, before_mb = time.monotonic(), resident_mb(web.pid)
        await crowd.gather()
        await asyncio.sleep(SETTLE_S)
        progress(f"{len(ids):,} ask, after {time.monotonic() - began:.1f} s")
        if early := sum(waiter.answered_at is not None for waiter in crowd.waiters):
            raise Failed("not there" if early == len(ids) else f"{early} were answered at once")
        held: Any = client.client_list()
        # One of them is this client's own.
        found = {"memory": resident_mb(web.pid), "connections": len(held) - 1}
    sent = await asyncio.to_thread(woken, redis_url, ids)
    answered = await crowd.until_answered(within_s=WITHIN_S)
    if answered < len(ids):
        raise Failed(f"{len(ids) - answered} were told nothing within {WITHIN_S:g} s")
    if wrong := sum(b"cancelled" not in waiter.body or waiter.status != 200 for waiter in crowd.waiters):
        raise Failed(f"{wrong} answers do not tell of the change")
    at = [waiter.answered_at or 0.0 for waiter in crowd.waiters]
    taken_ms = [(moment - sent[job_id]) * 1000 for moment, job_id in zip(at, ids, strict=True)]
    crowd.leave()
    found |= {"all": max(at) - min(sent.values()), "p99": percentile(taken_ms, 0.99)}
    # Where the machine is slow, the changes themselves take most of that time.
    found |= {"last": max(at) - max(sent.values()), "before": before_mb}
    return {name: rounded(value) for name, value in found.items()}, taken_ms


def woken(redis_url: str, ids: list[str]) -> dict[str, float]:
    """When each change was sent, by a process of its own."""
    command = [sys.executable, "-m", "bench.waking", redis_url]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(ids), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Failed(f"the changes ended with {done.stderr.strip()[-200:]}")
    sent: dict[str, float] = json.loads(done.stdout)
    return sent
