"""The reaper: expired leases and stranded jobs, put back on their way. It runs in every process of the service.

A pass that fails, for whatever reason, is followed by the next: without a reaper lost jobs stay lost.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from service import keys
from service.scripts import load
from service.settings import Settings

log = logging.getLogger("pollable.reaper")

MOST_BETWEEN_PASSES_S = 2.0
_COUNTS = ("put back after their worker was lost", "failed as worker_lost", "cancelled", "found stranded and pushed")


def interval_s(settings: Settings) -> float:
    """Seconds between two passes: several to a lease, since a longer gap is taken for a pause of Redis."""
    return min(MOST_BETWEEN_PASSES_S, settings.lease_s / 4)


def arguments(settings: Settings) -> list[str | int]:
    """The ARGV of `reap.lua`."""
    every_ms = int(interval_s(settings) * 750)
    return [keys.PREFIX, keys.RQ_PREFIX, int(settings.lease_s * 1000), every_ms, *settings.queues]


class Reaper:
    """The reaper of a web process: a task of its event loop."""

    def __init__(self, redis: "AsyncRedis", settings: Settings) -> None:
        self._script = redis.register_script(load("reap"))
        self._arguments = arguments(settings)
        self._interval_s = interval_s(settings)

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            try:
                report(await self._script(args=self._arguments))
            except Exception as error:
                log.warning("reaping waits: %r", error)
            await asyncio.sleep(self._interval_s)


class ReaperThread(threading.Thread):
    """The reaper of a worker process, which may be busy in its main thread."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        super().__init__(name="reaper", daemon=True)
        self._script = redis.register_script(load("reap"))
        self._arguments = arguments(settings)
        self._interval_s = interval_s(settings)
        self._over = threading.Event()

    def run(self) -> None:
        """Reap until stopped."""
        while not self._over.is_set():
            try:
                report(self._script(args=self._arguments))
            except Exception as error:
                log.warning("reaping waits: %r", error)
            self._over.wait(self._interval_s)

    def stop(self) -> None:
        self._over.set()


def report(counts: Any) -> None:
    """Log what one pass did, where it did anything."""
    done: Sequence[str] = [f"{count} {what}" for count, what in zip(counts, _COUNTS, strict=False) if count]
    if done:
        log.warning("jobs: %s", ", ".join(done))
