"""Submits a second of one web process: checked against a schema, with an idempotency key; and the contenders'."""

from contextlib import ExitStack
from typing import Any

from redis import Redis

from bench import peers, service
from bench.figures import beside, outcome
from bench.load import requests_per_second
from bench.processes import ROOT, own_redis
from bench.rounds import Failed, Turn, interleaved, progress
from bench.service import Server

SIZE = 20
ROUNDS, SECONDS = 5, 4.0
QUICK_ROUNDS, QUICK_SECONDS = 2, 1.0
MUST = 7.0
OURS, BARE, BY_HAND = "Pollable, with an idempotency key", "Pollable, without one", "FastAPI + RQ"
SUBMIT = ROOT / "bench" / "wrk" / "submit.lua"
BODY, THEIRS = '{"type":"repeat","payload":{"size":20}}', '{"size":20}'


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Jobs a second that were stored and answered. Each turn begins on an empty Redis."""
    seconds = QUICK_SECONDS if is_quick else SECONDS
    turns: dict[str, Turn] = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        ours = stack.enter_context(service.web(redis.url))
        service.submitted(ours, SIZE)
        turns[OURS] = turn(ours, redis.url, (BODY, "keyed"), seconds)
        turns[BARE] = turn(ours, redis.url, (BODY,), seconds)
        for name in (name for name, peer in peers.PEERS.items() if peer.makes is None):
            try:
                server = stack.enter_context(peers.peer_web(name, redis.url))
                peers.made(server, SIZE)
                turns[name] = turn(server, redis.url, (THEIRS,), seconds)
            except Failed as error:
                failed[name] = str(error)
                progress(f"{name} is not run: {error}")
        figures, more = interleaved(turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS)
    rows = [beside("submits with an idempotency key, beside FastAPI + RQ", figures, (OURS, BY_HAND), target=MUST)]
    rows += [
        beside(f"the same, beside {name}", figures, (OURS, name)) for name in ("FastAPI + arq", "FastAPI + Celery")
    ]
    return outcome(rows, figures, failed=failed | more)


def turn(server: Server, redis_url: str, arguments: tuple[str, ...], seconds: float) -> Turn:
    """A run of wrk; as many jobs must be there as wrk was answered for. Raises `Failed`."""
    url = server.url("/jobs")

    def taken() -> float:
        with Redis.from_url(redis_url) as client:
            client.flushall()
            rate = requests_per_second(url, seconds=seconds, headers=server.headers, script=SUBMIT, arguments=arguments)
            # Each job is one key at least, whoever wrote it; Celery's wait in one list.
            stored = max(int(client.dbsize()), int(client.llen("celery")))
        if stored < rate * seconds * 0.95:
            raise Failed(f"{rate * seconds:.0f} submits were answered, {stored} jobs are stored")
        return rate

    return taken
