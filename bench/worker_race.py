"""Quick jobs a second of one worker that takes them one after another (arq: as many at once as it does by itself)."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from redis import Redis

from bench import peers, service
from bench.figures import Row, Series, beside, outcome
from bench.load import requests_per_second
from bench.processes import own_redis
from bench.rounds import Failed, Turn, interleaved
from bench.submits import BODY, SUBMIT, THEIRS

SIZE = 20
ROUNDS, WATCHED_S, FILL_S = 3, 5.0, 6
QUICK_ROUNDS, QUICK_WATCHED_S, QUICK_FILL_S = 1, 2.0, 2
START_S, SETTLED = 30.0, 20
BY_HAND, SIMPLE = "rq worker", "rq worker, SimpleWorker"
FORKING, REUSING, OUR_SIMPLE = "Pollable", "Pollable, --jobs-per-process 100", "Pollable, --simple"
MUST = {FORKING: 1.5, REUSING: 6.0, OUR_SIMPLE: 2.5}
OURS = {FORKING: (), REUSING: ("--jobs-per-process", "100"), OUR_SIMPLE: ("--simple",)}
Left = Callable[[Redis], int]


class Racer(msgspec.Struct, frozen=True):
    """Another worker: whose application submits, the words that start it, and how many jobs still wait for it."""

    peer: str
    words: tuple[str, ...]
    left: Left


def listed(key: str) -> Left:
    """In a list."""
    return lambda redis: int(redis.llen(key))


def scored(key: str) -> Left:
    """In a sorted set."""
    return lambda redis: int(redis.zcard(key))


OUR_QUEUE, RQ_QUEUE, CELERY_QUEUE = listed("rq:queue:pollable"), listed("rq:queue:default"), listed("celery")
RACERS = {
    BY_HAND: Racer("FastAPI + RQ", peers.RQ_WORKER, RQ_QUEUE),
    SIMPLE: Racer("FastAPI + RQ", (*peers.RQ_WORKER, "--worker-class", "rq.SimpleWorker"), RQ_QUEUE),
    "arq": Racer("FastAPI + arq", peers.ARQ_WORKER, scored("arq:queue")),
    "Celery, prefork": Racer(
        "FastAPI + Celery", (*peers.CELERY_WORKER, "--pool", "prefork", "--concurrency", "1"), CELERY_QUEUE
    ),
    "Celery, solo": Racer("FastAPI + Celery", (*peers.CELERY_WORKER, "--pool", "solo"), CELERY_QUEUE),
}


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Each worker starts on a queue that is full, and is watched from its first jobs on."""
    watched_s, fill_s = (QUICK_WATCHED_S, QUICK_FILL_S) if is_quick else (WATCHED_S, FILL_S)
    with own_redis() as redis:
        turns: dict[str, Turn] = {}
        for name, options in OURS.items():
            turns[name] = lambda options=options: ours(redis.url, options, watched_s, fill_s)  # type: ignore[misc]
        for name, racer in RACERS.items():
            turns[name] = lambda racer=racer: theirs(redis.url, racer, watched_s, fill_s)  # type: ignore[misc]
        # No turn is for warming up: each begins to count when its worker has.
        figures, failed = interleaved(turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS, warm_ups=0)
    return outcome(rows(figures), figures, failed=failed)


def rows(figures: dict[str, Series]) -> list[Row]:
    """What the workers are held against."""
    simple = "quick jobs, `--simple`, beside rq worker with SimpleWorker"
    return [
        beside("quick jobs, a process each, beside rq worker", figures, (FORKING, BY_HAND), target=MUST[FORKING]),
        beside(
            "quick jobs, `--jobs-per-process 100`, beside rq worker", figures, (REUSING, BY_HAND), target=MUST[REUSING]
        ),
        beside(simple, figures, (OUR_SIMPLE, SIMPLE), target=MUST[OUR_SIMPLE]),
        beside("quick jobs, `--jobs-per-process 100`, beside Celery prefork", figures, (REUSING, "Celery, prefork")),
        beside("quick jobs, `--simple`, beside Celery solo", figures, (OUR_SIMPLE, "Celery, solo")),
    ]


def ours(redis_url: str, options: tuple[str, ...], watched_s: float, fill_s: float) -> float:
    """A worker of Pollable's. Raises `Failed` where it does not know the option."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        with service.web(redis_url) as web:
            with service.worker(redis_url, *options):
                service.until_answered(web, f"/job_status?job_id={service.submitted(web, SIZE)}", b"x" * SIZE)
            url = web.url("/jobs")
            requests_per_second(url, seconds=fill_s, headers=web.headers, script=SUBMIT, arguments=(BODY,))
        with service.worker(redis_url, *options):
            return per_second(client, OUR_QUEUE, watched_s)


def theirs(redis_url: str, racer: Racer, watched_s: float, fill_s: float) -> float:
    """Another's worker."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        with peers.peer_web(racer.peer, redis_url) as web:
            with peers.peer_worker(racer.peer, redis_url, racer.words):
                path = peers.PEERS[racer.peer].poll.format(id=peers.made(web, SIZE))
                service.until_answered(web, path, b"x" * SIZE)
            requests_per_second(web.url("/jobs"), seconds=fill_s, script=SUBMIT, arguments=(THEIRS,))
        with peers.peer_worker(racer.peer, redis_url, racer.words):
            return per_second(client, racer.left, watched_s)


def per_second(redis: Redis, left: Left, watched_s: float) -> float:
    """Jobs that were taken in the time, or until none was left, from the first ones on. Raises `Failed`."""
    deadline, total = time.monotonic() + START_S, left(redis)
    while (begun := left(redis)) > total - SETTLED:
        if time.monotonic() > deadline:
            raise Failed(f"{total - begun} jobs of {total} were taken in {START_S:g} s")
        time.sleep(0.02)
    began = time.monotonic()
    while (now := left(redis)) and time.monotonic() < began + watched_s:
        time.sleep(0.01)
    return (begun - now) / (time.monotonic() - began)
