"""How soon the web process answers after its start, and what it and an idle worker hold. Linux."""

import statistics
import time
import urllib.request
from typing import Any

from redis import Redis

from bench import service
from bench.figures import Row, outcome, rounded
from bench.processes import family, free_port, memory_in_all_mb, own_redis, resident_mb, running
from bench.rounds import Failed, progress

STARTS, QUICK_STARTS = 9, 3
SETTLE_S = 3.0
MUST_START_S, MUST_WEB_MB, MUST_WORKER_MB = 0.3, 60.0, 60.0


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Medians of the starts; memory once each has been idle for a moment."""
    with own_redis() as redis:
        starts = [start_s(redis.url) for _ in range(QUICK_STARTS if is_quick else STARTS)]
        with service.web(redis.url) as web:
            time.sleep(SETTLE_S)
            web_mb = resident_mb(web.pid)
        processes, worker_mb, each_mb = worker_memory(redis.url)
    start = rounded(statistics.median(starts))
    progress(f"start {start} s, web {web_mb:.0f} MB, worker {worker_mb:.0f} MB in {processes} processes: {each_mb}")
    worker = "memory of an idle worker with one ready horse"
    if processes > 1:
        held = Row(what=worker, value=rounded(worker_mb), unit="MB", target=MUST_WORKER_MB, is_limit=True)
    else:
        why = f"no ready horse; the worker alone: {worker_mb:.0f} MB"
        held = Row(what=worker, value=None, unit="MB", target=MUST_WORKER_MB, is_limit=True, why=why)
    rows = [
        Row(what="start of the web process", value=start, unit="s", target=MUST_START_S, is_limit=True),
        Row(what="memory of the idle web process", value=rounded(web_mb), unit="MB", target=MUST_WEB_MB, is_limit=True),
        held,
    ]
    return outcome(rows, {}, starts_s=[rounded(each) for each in starts], worker_resident_mb=each_mb)


def start_s(redis_url: str) -> float:
    """From the start of the process to its first answer. Raises `Failed`."""
    port = free_port()
    began = time.perf_counter()
    with running([service.python(), "-m", "pollable", "serve"], service.environment(redis_url, PORT=str(port))):
        while time.perf_counter() < began + 10:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    return time.perf_counter() - began
            except OSError:
                time.sleep(0.002)
    raise Failed("it did not answer within 10 s")


def worker_memory(redis_url: str) -> tuple[int, float, list[float]]:
    """How many processes an idle worker is; what they hold in all; the resident memory of each."""
    with service.worker(redis_url) as pid, Redis.from_url(redis_url) as client:
        deadline = time.monotonic() + 20
        while not client.scard("rq:workers"):
            if time.monotonic() > deadline:
                raise Failed("the worker did not begin")
            time.sleep(0.05)
        time.sleep(SETTLE_S)
        pids = family(pid)
        return len(pids), memory_in_all_mb(pids), [rounded(resident_mb(each)) for each in pids]
