"""Polls a second of two web processes beside one. Where cores allow, wrk and Redis have cores of their own."""

from contextlib import ExitStack
from typing import Any

from bench import service
from bench.cores import CORES
from bench.figures import beside, outcome
from bench.load import checked, requests_per_second
from bench.processes import own_redis
from bench.rounds import Turn, interleaved

SIZE = 20
CONNECTIONS = 128
ROUNDS, SECONDS = 5, 4.0
QUICK_ROUNDS, QUICK_SECONDS = 2, 1.0
MUST = 1.6
NAMES = {1: "one process", 2: "two processes"}


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """`WEB_CONCURRENCY` of 1 and 2."""
    seconds = QUICK_SECONDS if is_quick else SECONDS
    turns: dict[str, Turn] = {}
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        for processes, name in NAMES.items():
            server = stack.enter_context(service.web(redis.url, WEB_CONCURRENCY=str(processes)))
            if processes == 1:
                path = f"/job_status?job_id={service.ended(server, redis.url, SIZE)[0]}"
            url, headers = server.url(path), server.headers
            checked(url, lambda body: b"x" * SIZE in body, headers)
            turns[name] = lambda url=url, headers=headers: requests_per_second(  # type: ignore[misc] # Bound in the loop.
                url, seconds=seconds, headers=headers, connections=CONNECTIONS
            )
        figures, failed = interleaved(turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS)
    apart = "on cores apart" if CORES.are_apart else "all on the same cores"
    what = f"polls of two web processes, beside one ({apart})"
    return outcome([beside(what, figures, (NAMES[2], NAMES[1]), target=MUST)], figures, failed=failed)
