"""From the submit to the answer of a caller who waits, while nothing else goes on: `Prefer: wait` on `POST /jobs`."""

import http.client
import json
import random
import time
from typing import Any

from bench import service
from bench.figures import Row, outcome, percentile, rounded, series
from bench.processes import own_redis
from bench.rounds import Failed
from bench.service import Server

JOBS, QUICK_JOBS = 400, 60
WARM_UP = 5
WAIT_S = 10
MUST_P50_MS, MUST_P99_MS = 8.0, 40.0
P50, P99 = "submit to the waiting caller's answer, idle, p50", "the same, p99"
MODES: dict[str, tuple[str, ...]] = {"a process a job": (), "--simple": ("--simple",)}


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """One web process, one worker, one caller; a pause of no rhythm before each job."""
    figures = {}
    missing = ""
    with own_redis() as redis, service.web(redis.url) as web:
        for mode, options in MODES.items():
            with service.worker(redis.url, *options):
                service.until_answered(web, f"/jobs/{service.submitted(web, 1)}", b'"succeeded"')
                try:
                    figures[mode] = answered_ms(web, QUICK_JOBS if is_quick else JOBS)
                except Failed as error:
                    missing = str(error)
    if missing:
        rows = [
            Row(what=what, value=None, unit="ms", target=must, is_limit=True, why=missing) for what, must in PROMISED
        ]
        return outcome(rows, {})
    forked = figures["a process a job"]
    rows = [
        Row(what=P50, value=rounded(percentile(forked, 0.5)), unit="ms", target=MUST_P50_MS, is_limit=True),
        Row(what=P99, value=rounded(percentile(forked, 0.99)), unit="ms", target=MUST_P99_MS, is_limit=True),
        Row(what="the same with `--simple`, p50", value=rounded(percentile(figures["--simple"], 0.5)), unit="ms"),
    ]
    return outcome(rows, {mode: series(values) for mode, values in figures.items()})


PROMISED = ((P50, MUST_P50_MS), (P99, MUST_P99_MS))


def answered_ms(web: Server, jobs: int) -> list[float]:
    """Milliseconds of each, on one connection that is kept. Raises `Failed` where nobody waits with the caller."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=WAIT_S + 5)
    headers = web.headers | {"Content-Type": "application/json", "Prefer": f"wait={WAIT_S}"}
    body = json.dumps({"type": "repeat", "payload": {"size": 20}})
    taken_ms = []
    for _ in range(jobs + WARM_UP):
        time.sleep(random.uniform(0.02, 0.1))
        began = time.perf_counter()
        connection.request("POST", "/jobs", body, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        taken_ms.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or told.get("status") != "succeeded":
            raise Failed("not there" if answer.status == 202 else f"answered {answer.status} {told}")
    connection.close()
    return taken_ms[WARM_UP:]
