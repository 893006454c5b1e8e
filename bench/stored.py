"""Polls among many stored jobs beside few, each poll another job's; and what a stored job takes of Redis' memory."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from redis import Redis

from bench import service
from bench.copies import copied
from bench.figures import beside, outcome
from bench.load import checked, requests_per_second
from bench.processes import ROOT, own_redis
from bench.rounds import Turn, interleaved, progress
from bench.service import Server

SIZE = 20
FEW, MANY, BETWEEN = 1_000, 1_000_000, 100_000
QUICK_MANY, QUICK_BETWEEN = 20_000, 5_000
ROUNDS, SECONDS = 5, 4.0
QUICK_ROUNDS, QUICK_SECONDS = 2, 1.0
MUST = 0.95
READ = ROOT / "bench" / "wrk" / "read.lua"
HEAD = ["jobs stored", "ended, with a small result: bytes a job", "waiting: bytes a job"]


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Two services, each on a Redis of its own."""
    many, between = (QUICK_MANY, QUICK_BETWEEN) if is_quick else (MANY, BETWEEN)
    seconds = QUICK_SECONDS if is_quick else SECONDS
    few_name, many_name = f"among {FEW:,}", f"among {many:,}"
    with ExitStack() as stack:
        turns: dict[str, Turn] = {}
        for name, jobs in ((few_name, FEW), (many_name, many)):
            web, path, _ = stack.enter_context(full(jobs, is_waiting=False))
            turns[name] = turn(web, path, jobs, seconds)
        figures, failed = interleaved(turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS)
    what = f"polls with {many:,} stored jobs, beside {FEW:,}"
    rows = [beside(what, figures, (many_name, few_name), target=MUST)]
    table = [HEAD, *(sizes(jobs) for jobs in (between, many))]
    return outcome(rows, figures, failed=failed, facts={"table": table})


@contextmanager
def full(jobs: int, *, is_waiting: bool) -> Iterator[tuple[Server, str, float]]:
    """A service whose Redis holds so many jobs; the path of one, with @ for its number; the bytes that each takes."""
    with own_redis() as redis, service.web(redis.url) as web, Redis.from_url(redis.url, socket_timeout=120) as client:
        job_id = service.submitted(web, SIZE) if is_waiting else service.ended(web, redis.url, SIZE)[0]
        before = memory(client)
        path = f"/job_status?job_id={copied(client, job_id, jobs)}"
        a_job = (memory(client) - before) / jobs
        progress(f"{jobs:,} {'waiting' if is_waiting else 'ended'} jobs, {a_job:.0f} bytes each")
        yield web, path, a_job


def memory(client: Redis) -> int:
    """What Redis' data take."""
    told: Any = client.info("memory")
    return int(told["used_memory"])


def sizes(jobs: int) -> list[str]:
    """A line of the table."""
    cells = [f"{jobs:,}"]
    for is_waiting in (False, True):
        with full(jobs, is_waiting=is_waiting) as (_, _, a_job):
            cells.append(f"{a_job:,.0f}")
    return cells


def turn(web: Server, path: str, jobs: int, seconds: float) -> Turn:
    """Polls of jobs that a wrk script draws."""
    checked(web.url(path.replace("@", f"{jobs:012x}")), lambda body: b"x" * SIZE in body, web.headers)
    arguments = (path, str(jobs))
    return lambda: requests_per_second(
        web.url("/"), seconds=seconds, headers=web.headers, script=READ, arguments=arguments
    )
