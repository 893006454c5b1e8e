"""The p99 of polls while 20 writers submit and two workers run, beside their p50 while nothing else goes on."""

import http.client
import sys
import time
from contextlib import ExitStack
from typing import Any

from redis import Redis

from bench import service
from bench.figures import Row, Series, outcome, percentile, rounded, series
from bench.processes import own_redis, running
from bench.rounds import Failed, progress
from bench.service import Server

SIZE, WRITERS, WORKERS = 20, 20, 2
EVERY_S = 0.005
ROUNDS, SECONDS = 5, 6.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 3.0
MUST = 3.0
PACES = {"each ten times a second": 0.1, "as fast as they are answered": 0.0}


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Quiet and busy take turns; the polls of all rounds are one heap each."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if is_quick else (ROUNDS, SECONDS)
    quiet: list[float] = []
    busy: dict[str, list[float]] = {pace: [] for pace in PACES}
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        web = stack.enter_context(service.web(redis.url))
        for _ in range(WORKERS):
            stack.enter_context(service.worker(redis.url))
        job_id = service.submitted(web, SIZE)
        service.until_answered(web, f"/jobs/{job_id}", b"succeeded")
        polled_ms(web, job_id, 1.0)
        for _ in range(rounds):
            until_quiet(redis.url)
            quiet += polled_ms(web, job_id, seconds)
            for pace, pause_s in PACES.items():
                with running(writers(web, pause_s), {}) as process:
                    time.sleep(1.0)
                    busy[pace] += polled_ms(web, job_id, seconds)
                    if process.poll() is not None:
                        raise Failed("the writers ended by themselves")
    p50 = percentile(quiet, 0.5)
    progress(f"quiet p50 {p50:.2f} ms, p99 {percentile(quiet, 0.99):.2f} ms")
    rows = [row(pace, percentile(taken, 0.99) / p50) for pace, taken in busy.items()]
    return outcome(rows, {"quiet": spread(quiet)} | {pace: spread(taken) for pace, taken in busy.items()})


def row(pace: str, ratio: float) -> Row:
    """Held against the target, at either pace."""
    what = f"p99 of polls while {WRITERS} writers submit, {pace}, and {WORKERS} workers run, beside the quiet p50"
    return Row(what=what, value=rounded(ratio), target=MUST, is_limit=True)


def spread(taken_ms: list[float]) -> Series:
    """In milliseconds: median, least and most, and as rounds the p50, p90 and p99."""
    whole = series(taken_ms)
    return Series(whole.median, whole.least, whole.most, [rounded(percentile(taken_ms, at)) for at in (0.5, 0.9, 0.99)])


def writers(web: Server, pause_s: float) -> list[str]:
    """Of a process of their own."""
    return [sys.executable, "-m", "bench.writers", str(web.port), str(WRITERS), str(pause_s)]


def until_quiet(redis_url: str) -> None:
    """What the writers left is taken away, so that the workers rest."""
    with Redis.from_url(redis_url) as client:
        for key in ("rq:queue:pollable", "rq:pollable:pending:pollable"):
            client.delete(key)
    time.sleep(0.5)


def polled_ms(web: Server, job_id: str, seconds: float) -> list[float]:
    """A poll every 5 ms on one connection; one that takes longer delays the next. Raises `Failed` at a wrong answer."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=10)
    taken_ms, until = [], time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        connection.request("GET", f"/jobs/{job_id}", headers=web.headers)
        answer = connection.getresponse()
        body = answer.read()
        taken_ms.append((time.monotonic() - began) * 1000)
        if answer.status != 200 or b"succeeded" not in body:
            raise Failed(f"a poll was answered with {answer.status}")
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))
    connection.close()
    return taken_ms
