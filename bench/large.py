"""A result of 1 MB: polls a second, beside FastAPI + RQ."""

from contextlib import ExitStack
from typing import Any

from bench import peers, service
from bench.figures import beside, outcome
from bench.load import checked, requests_per_second
from bench.processes import own_redis
from bench.rounds import Failed, Turn, interleaved
from bench.service import Server

SIZE = 1_000_000
CONNECTIONS = 16
ROUNDS, SECONDS = 5, 4.0
QUICK_ROUNDS, QUICK_SECONDS = 2, 1.0
MUST = 8.0
OURS, BY_HAND = "Pollable", "FastAPI + RQ"


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Polls a second."""
    seconds = QUICK_SECONDS if is_quick else SECONDS
    turns: dict[str, Turn] = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        ours = stack.enter_context(service.web(redis.url))
        turns[OURS] = turn(ours, f"/job_status?job_id={service.ended(ours, redis.url, SIZE)[0]}", seconds)
        try:
            theirs = stack.enter_context(peers.peer_web(BY_HAND, redis.url))
            job_id = peers.ended(BY_HAND, theirs, redis.url, SIZE)[0]
            turns[BY_HAND] = turn(theirs, peers.PEERS[BY_HAND].poll.format(id=job_id), seconds)
        except Failed as error:
            failed[BY_HAND] = str(error)
        figures, more = interleaved(turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS)
    row = beside("polls of a result of 1 MB, beside FastAPI + RQ", figures, (OURS, BY_HAND), target=MUST)
    return outcome([row], figures, failed=failed | more)


def turn(server: Server, path: str, seconds: float) -> Turn:
    """A run of wrk on an answer that has the whole megabyte."""
    url = server.url(path)
    checked(url, lambda body: b"x" * SIZE in body, server.headers)
    return lambda: requests_per_second(url, seconds=seconds, headers=server.headers, connections=CONNECTIONS)
