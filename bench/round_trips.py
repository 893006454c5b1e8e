"""Round trips and Redis commands a job, ours and RQ's own workers' alike: `python -m bench.round_trips`.

A proxy in front of Redis counts how often a connection asks after it was answered; Redis counts what it ran, within
scripts too. What a worker sends while it has nothing to do is counted in, since jobs are few seconds' work.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from bench.workers import OURS, RQS, WARM, WITHIN_S, done, enqueued, redis_server, submitted, until, working

JOBS = 220
WAYS: dict[str, tuple[str, ...]] = {
    "pollable worker": OURS,
    "pollable worker --jobs-per-process 100": (*OURS, "--jobs-per-process", "100"),
    "pollable worker --simple": (*OURS, "--simple"),
    "rq worker": RQS,
    "rq worker, SimpleWorker": ("--worker-class", "rq.SimpleWorker"),
}


class Counter:
    """A proxy on a port of its own."""

    def __init__(self, port: int) -> None:
        self._redis_port = port
        self.port = 0
        self.round_trips = 0
        self.connections = 0

    async def serve(self, ready: threading.Event) -> None:
        """Until the process ends."""
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await server.serve_forever()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        answers, asks = await asyncio.open_connection("127.0.0.1", self._redis_port)
        was_answered = [True]
        await asyncio.gather(self._up(reader, asks, was_answered), self._down(answers, writer, was_answered))

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, was_answered: list[bool]) -> None:
        while part := await _read(reader):
            self.round_trips += was_answered[0]
            was_answered[0] = False
            writer.write(part)
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, was_answered: list[bool]) -> None:
        while part := await _read(reader):
            was_answered[0] = True
            writer.write(part)
        writer.close()


def main() -> None:
    """Count, print a table."""
    print(f"{'a job costs':40} {'round trips':>12} {'commands':>9} {'connections':>12}")
    for name, row in measure().items():
        print(f"{name:40} {row['round_trips']:12} {row['commands']:9} {row['connections']:12}")


def measure() -> dict[str, dict[str, float]]:
    """For each way of working: round trips, commands and new connections a job. Raises `TimeoutError`."""
    with redis_server() as url, counting(int(url.rsplit(":", 1)[1].split("/")[0])) as proxy:
        return {name: counted(name, command, url, proxy) for name, command in WAYS.items()}


@contextmanager
def counting(port: int) -> Iterator[Counter]:
    """A proxy before the Redis of that port."""
    proxy, ready = Counter(port), threading.Event()
    threading.Thread(target=lambda: asyncio.run(proxy.serve(ready)), daemon=True).start()
    ready.wait(10)
    yield proxy


def counted(name: str, command: tuple[str, ...], url: str, proxy: Counter) -> dict[str, float]:
    """Of jobs that wait already, after the first ones."""
    through = f"redis://127.0.0.1:{proxy.port}/0"
    if name.startswith("rq"):
        enqueued(url, JOBS)
        command = (*RQS, through, *command[len(RQS) :]) if command[0] == RQS[0] else (*RQS, through, *command)
    else:
        asyncio.run(submitted(url, JOBS))
    with Redis.from_url(url) as client, working(command, through):
        until(lambda: done(client) >= WARM, within_s=WITHIN_S)
        client.config_resetstat()
        first, trips, connections = done(client), proxy.round_trips, proxy.connections
        until(lambda: done(client) >= JOBS, within_s=WITHIN_S)
        jobs, trips = done(client) - first, proxy.round_trips - trips
        connections = proxy.connections - connections
        commands = ran(client)
        client.flushall()
    return {
        "round_trips": round(trips / jobs, 1),
        "commands": round(commands / jobs, 1),
        "connections": round(connections / jobs, 2),
    }


def ran(client: "Redis") -> int:
    """How many commands, without those by which this is looked at."""
    stats: Any = client.info("commandstats")
    looked = {"cmdstat_smembers", "cmdstat_info", "cmdstat_config|resetstat", "cmdstat_config"}
    looks = stats.get("cmdstat_smembers", {}).get("calls", 0)
    return int(sum(each["calls"] for name, each in stats.items() if name not in looked) - looks)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65_536)
    except OSError:
        return b""


if __name__ == "__main__":
    main()
