"""What a poll, a submit and a job cost Redis and the process beside it: commands, and microseconds of CPU. Linux.

How many processes keep a Redis busy is computed from these, not measured: each process is taken to have a core of its
own.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from redis import Redis

from bench import service
from bench.figures import Row, outcome, rounded
from bench.load import CONNECTIONS, requests_per_second
from bench.processes import cpu_s, family, own_redis
from bench.rounds import Failed, progress
from bench.submits import BODY, SUBMIT
from bench.tables import number
from bench.worker_race import OUR_QUEUE

SIZE = 20
SECONDS, QUICK_SECONDS = 8.0, 2.0
HEAD = [
    "",
    "commands",
    "reads of connections",
    "CPU of Redis, us",
    "CPU of the process, us",
    "most a second of one Redis (computed)",
    "processes that keep one Redis busy (computed)",
]


class Cost(msgspec.Struct, frozen=True):
    """Of one poll, submit or job. `reads` is close to the round trips; what scripts call is among `commands`."""

    commands: float
    reads: float
    redis_us: float
    process_us: float

    def line(self, name: str) -> list[str]:
        """Of the table."""
        most, processes = 1_000_000 / self.redis_us, self.process_us / self.redis_us
        told = (self.commands, self.reads, self.redis_us, self.process_us, most, processes)
        return [name, *map(number, told)]


def measure(*, is_quick: bool = False) -> dict[str, Any]:
    """A table; its rows inform."""
    seconds = QUICK_SECONDS if is_quick else SECONDS
    with own_redis() as redis, Redis.from_url(redis.url) as client:
        with service.web(redis.url) as web:
            path = f"/job_status?job_id={service.ended(web, redis.url, SIZE)[0]}"
            one = {"headers": web.headers, "seconds": seconds}
            costs = {
                f"poll, {CONNECTIONS} at once": cost(client, web.pid, polls(web.url(path), one)),
                "poll, one at a time": cost(client, web.pid, polls(web.url(path), one | {"connections": 1})),
                f"submit, {CONNECTIONS} at once": cost(client, web.pid, polls(web.url("/jobs"), one | SUBMITS)),
                "submit, one at a time": cost(
                    client, web.pid, polls(web.url("/jobs"), one | SUBMITS | {"connections": 1})
                ),
            }
        for name, options in WORKERS.items():
            try:
                with service.worker(redis.url, *options) as pid:
                    until_begun(client)
                    costs[name] = cost(client, pid, lambda: worked(client, seconds))
            except Failed as error:
                progress(f"{name} is not run: {error}")
    rows = [
        Row(what=f"CPU of Redis: {name}", value=rounded(taken.redis_us), unit="us") for name, taken in costs.items()
    ]
    return outcome(rows, {}, facts={"table": [HEAD, *(taken.line(name) for name, taken in costs.items())]})


SUBMITS: dict[str, Any] = {"script": SUBMIT, "arguments": (BODY, "keyed")}
WORKERS: dict[str, tuple[str, ...]] = {
    "job, a process each": (),
    "job, `--jobs-per-process 100`": ("--jobs-per-process", "100"),
    "job, `--simple`": ("--simple",),
}


def polls(url: str, given: dict[str, Any]) -> Callable[[], float]:
    """A run of wrk; how many requests it made."""
    return lambda: requests_per_second(url, **given) * given["seconds"]


def worked(client: Redis, seconds: float) -> float:
    """How many jobs the worker takes in the time. Raises `Failed` where there are none."""
    before = OUR_QUEUE(client)
    time.sleep(seconds)
    taken = before - OUR_QUEUE(client)
    if taken <= 0:
        raise Failed("the worker took no job")
    return taken


def until_begun(client: Redis) -> None:
    """Until the worker has taken some. Raises `Failed`."""
    total, deadline = OUR_QUEUE(client), time.monotonic() + 20
    while OUR_QUEUE(client) > total - 20:
        if time.monotonic() > deadline:
            raise Failed("the worker took no job")
        time.sleep(0.02)


def cost(client: Redis, pid: int, run: Callable[[], float]) -> Cost:
    """Of each of what `run` says that it did, in the time that it took."""
    before = counted(client, pid)
    many = run()
    commands, reads, redis_s, process_s = (
        later - earlier for later, earlier in zip(counted(client, pid), before, strict=True)
    )
    return Cost(commands / many, reads / many, redis_s * 1e6 / many, process_s * 1e6 / many)


def counted(client: Redis, pid: int) -> tuple[float, float, float, float]:
    """Commands, reads of connections, seconds of CPU of Redis and of the process with its descendants."""
    told: Any = client.info("all")
    process_s = sum(cpu_s(each) for each in family(pid))
    return told["total_commands_processed"], told["total_reads_processed"], cpu_s(told["process_id"]), process_s
