"""Polls a second of one process: a small job that has ended, one that has not, each contender's, and the limits."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench import peers, service
from bench.figures import Row, Series, beside, outcome, rounded
from bench.load import checked, redis_gets_per_second, requests_per_second
from bench.processes import own_redis, resident_mb
from bench.rounds import Failed, Turn, interleaved, progress
from bench.service import Server

SIZE = 20
ROUNDS, SECONDS, GETS = 5, 4.0, 400_000
QUICK_ROUNDS, QUICK_SECONDS, QUICK_GETS = 2, 1.0, 50_000
ENDED, WAITING, NATIVE = "Pollable, ended", "Pollable, waiting", "Pollable, ended, native"
BARE, BARE_GRANIAN, REDIS = "bare ASGI, uvicorn", "bare ASGI, granian", "redis-benchmark GET"
BY_HAND = "FastAPI + RQ"
MUST_BY_HAND, MUST_PEER, MUST_BARE, MUST_WAITING = 25.0, 8.0, 0.65, 0.48


class Field:
    """Those that listen, ready to be polled; all of them end with `stack`."""

    def __init__(self, stack: ExitStack, redis_url: str, *, is_quick: bool) -> None:
        self.stack, self.redis_url = stack, redis_url
        self.seconds = QUICK_SECONDS if is_quick else SECONDS
        self.turns: dict[str, Turn] = {}
        self.failed: dict[str, str] = dict(peers.NOT_RUN)
        self.memory_mb: dict[str, Callable[[], float]] = {}

    def enter(self, name: str, add: Callable[[], None]) -> None:
        """Add one; where that fails, say why and go on."""
        try:
            add()
        except Failed as error:
            self.failed[name] = str(error)
            progress(f"{name} is not run: {error}")

    def polled(self, name: str, server: Server, path: str, part: bytes) -> None:
        """Poll that path, whose answer must have that part."""
        url = server.url(path)
        checked(url, lambda body: part in body, server.headers)
        self.turns[name] = lambda: requests_per_second(url, seconds=self.seconds, headers=server.headers)
        self.memory_mb[name] = lambda: rounded(resident_mb(server.pid))

    def pollable(self) -> None:
        """Ended and waiting, in the plainest envelope, and ended in the one that shows everything."""
        server = self.stack.enter_context(service.web(self.redis_url))
        job_id = service.ended(server, self.redis_url, SIZE)[0]
        waiting = service.submitted(server, SIZE, delay=86_400)
        self.polled(ENDED, server, f"/job_status?job_id={job_id}", b"x" * SIZE)
        self.polled(WAITING, server, f"/job_status?job_id={waiting}", b"scheduled")
        self.polled(NATIVE, server, f"/jobs/{job_id}", b"x" * SIZE)

    def bare(self, name: str, program: str) -> None:
        """The constant answer."""
        self.polled(name, self.stack.enter_context(peers.constant(program)), "/", b"queued")

    def peer(self, name: str, jobs: dict[str, str]) -> None:
        """One that has a job of its own, or shows another's."""
        peer = peers.PEERS[name]
        if peer.makes and peer.makes not in jobs:
            raise Failed(f"{peer.makes} did not run")
        server = self.stack.enter_context(peers.peer_web(name, self.redis_url))
        jobs[name] = jobs[peer.makes] if peer.makes else peers.ended(name, server, self.redis_url, SIZE)[0]
        self.polled(name, server, peer.poll.format(id=jobs[name]), b"x" * SIZE)


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """Polls a second, and the resident memory of each process after them."""
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        field = Field(stack, redis.url, is_quick=is_quick)
        field.enter(ENDED, field.pollable)
        field.enter(BARE, lambda: field.bare(BARE, "uvicorn"))
        field.enter(BARE_GRANIAN, lambda: field.bare(BARE_GRANIAN, "granian"))
        jobs: dict[str, str] = {}
        for name in peers.PEERS:
            field.enter(name, lambda name=name: field.peer(name, jobs))  # type: ignore[misc] # Bound in the loop.
        path, gets = redis.url.removeprefix("unix://"), QUICK_GETS if is_quick else GETS
        field.turns[REDIS] = lambda: redis_gets_per_second(path, requests=gets)
        figures, failed = interleaved(field.turns, rounds=QUICK_ROUNDS if is_quick else ROUNDS)
        memory_mb = {name: resident() for name, resident in field.memory_mb.items()}
    return outcome(rows(figures), figures, failed=field.failed | failed, memory_mb=memory_mb)


def rows(figures: dict[str, Series]) -> list[Row]:
    """What a poll is held against."""
    return [
        beside("polls of a small ended job, beside FastAPI + RQ", figures, (ENDED, BY_HAND), target=MUST_BY_HAND),
        best_peer(figures),
        beside("the same, beside bare ASGI under uvicorn", figures, (ENDED, BARE), target=MUST_BARE),
        beside("the same, beside bare ASGI under granian", figures, (ENDED, BARE_GRANIAN)),
        beside("the same in `native`, beside bare ASGI under uvicorn", figures, (NATIVE, BARE)),
        beside("polls of a job that has not ended, beside bare ASGI", figures, (WAITING, BARE), target=MUST_WAITING),
        beside("polls beside redis-benchmark's GET", figures, (ENDED, REDIS)),
    ]


def best_peer(figures: dict[str, Series]) -> Row:
    """Beside the quickest of the contenders, whoever that is."""
    there = [name for name in peers.PEERS if name in figures]
    best = max(there, key=lambda name: figures[name].median, default=BY_HAND)
    return beside(f"the same, beside the best peer ({best})", figures, (ENDED, best), target=MUST_PEER)
