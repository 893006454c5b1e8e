"""What holds when Redis is far away: 20 ms for each round trip between it and web processes and workers.

A proxy in user space holds every byte back; the row with no delay goes through the same proxy, so that it tells the
delay's cost and not the proxy's.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from bench import answers, service
from bench.busy import polled_ms
from bench.figures import Row, outcome, percentile, rounded
from bench.load import requests_per_second
from bench.processes import own_redis, running
from bench.rounds import Failed, progress
from bench.submits import BODY, SUBMIT
from bench.tables import number
from bench.worker_race import OUR_QUEUE, per_second

SIZE, DELAY_MS, MANY = 20, 20.0, 512
SECONDS, QUICK_SECONDS = 5.0, 2.0
WORKERS: dict[str, tuple[str, ...]] = {
    "quick jobs a second, a process each": (),
    "quick jobs a second, `--jobs-per-process 100`": ("--jobs-per-process", "100"),
    "quick jobs a second, `--simple`": ("--simple",),
}
NOT_THERE = float("nan")


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """A table of figures without and with the delay. Each ratio is the second over the first."""
    seconds = QUICK_SECONDS if is_quick else SECONDS
    near, far = seen(0.0, seconds), seen(DELAY_MS, seconds)
    head = ["", "no delay", f"{DELAY_MS:g} ms a round trip", "ratio"]
    table = [[name, told(near[name]), told(far[name]), told(far[name] / near[name])] for name in near]
    rows = [
        Row(
            what=f"{DELAY_MS:g} ms to Redis: {name}, beside none",
            value=None if far[name] != far[name] else rounded(far[name] / near[name]),
        )
        for name in near
    ]
    return outcome(rows, {}, facts={"table": [head, *table]}, delay_ms=DELAY_MS)


def told(figure: float) -> str:
    """Of the table."""
    return "not there" if figure != figure else number(figure)


def seen(delay_ms: float, seconds: float) -> dict[str, float]:
    """Everything at that distance."""
    figures: dict[str, float] = {}
    with own_redis() as redis, Redis.from_url(redis.url) as client, distant(redis.url, delay_ms) as url:
        with service.web(url) as web:
            job_id = service.ended(web, url, SIZE)[0]
            path = f"/job_status?job_id={job_id}"
            figures["a poll, ms (p50)"] = statistics.median(polled_ms(web, job_id, seconds))
            for connections in (64, MANY):
                figures[f"polls a second, {connections} at once"] = requests_per_second(
                    web.url(path), seconds=seconds, headers=web.headers, connections=connections
                )
            with service.worker(url):
                figures["submit to the waiting caller's answer, ms (p50)"] = waited(
                    lambda: answers.answered_ms(web, 20)
                )
            figures["submits a second, 64 at once"] = requests_per_second(
                web.url("/jobs"), seconds=seconds, headers=web.headers, script=SUBMIT, arguments=(BODY, "keyed")
            )
        for name, options in WORKERS.items():
            figures[name] = waited(lambda options=options: raced(client, url, options, seconds))  # type: ignore[misc]
    for name, figure in figures.items():
        progress(f"{delay_ms:g} ms: {name}: {figure:.4g}")
    return figures


def raced(client: Redis, url: str, options: tuple[str, ...], seconds: float) -> float:
    """Jobs a second of one worker."""
    with service.worker(url, *options):
        return per_second(client, OUR_QUEUE, seconds)


def waited(figure: Callable[[], Any]) -> float:
    """The median of what is measured; not a number where it is not there."""
    try:
        taken = figure()
    except Failed as error:
        progress(str(error))
        return NOT_THERE
    return percentile(taken, 0.5) if isinstance(taken, list) else float(taken)


@contextmanager
def distant(redis_url: str, delay_ms: float) -> Iterator[str]:
    """The URL of the same Redis, so far away."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "redis.sock"
        words = [str(place), redis_url.removeprefix("unix://"), str(delay_ms)]
        with running([sys.executable, "-m", "bench.delay", *words], {}) as process:
            deadline = time.monotonic() + 10
            while not place.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failed("the proxy did not start")
                time.sleep(0.02)
            yield f"unix://{place}"
