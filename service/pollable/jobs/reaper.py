"""The reaper: expired leases and stranded jobs, put back on their way. It runs in every process of the service.

A pass that fails, for whatever reason, is followed by the next: without a reaper lost jobs stay lost.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from redis.asyncio import Redis

from pollable.jobs.told import tell
from pollable.jobs.unfit import unfitness
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.connection import tolerated
from pollable.storage.scripts import source

log = logging.getLogger("pollable.reaper")

UNFIT = "unfit_worker"
MOST_BETWEEN_PASSES_S = 2.0
TOLD_EVERY_S = 600.0
TOLD = ("event", "job_id", "state", "type", "owner", "queue", "attempt", "request_id", "trace_id")
"""What `reap.lua` says of a job that the log has a line about."""
_DONE = {
    "cancelled": "cancelled, as an operator or their caller wished",
    "pushed": "found stranded and pushed",
}


def interval_s(settings: Settings) -> float:
    """Seconds between two passes while there are jobs: several to a lease; a longer gap counts as a pause of Redis."""
    return min(MOST_BETWEEN_PASSES_S, settings.lease_s / 4)


def arguments(settings: Settings, *, lease_ms: int, every_ms: int) -> list[str | int]:
    """The ARGV of `reap.lua`."""
    rerun_ms = settings.rerun_ttl_s * 1000
    return [keys.PREFIX, keys.RQ_PREFIX, lease_ms, every_ms, settings.memory_headroom, rerun_ms, *settings.queues]


class Reaper:
    """Pass after pass, on whichever event loop runs it."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._script = redis.register_script(source("reap"))
        self._fail = redis.register_script(source("fail"))
        self._settings = settings
        self._interval_s = interval_s(settings)
        self._told_at: dict[str, float] = {}

    async def run(self, over: asyncio.Event) -> None:
        """Reap until `over` is set; a pass that has begun is finished, within the time-outs of the client."""
        while not over.is_set():
            pause_s = self._interval_s
            try:
                with tolerated("the reaper"):
                    pause_s = await self._reap(over)
            except Exception as error:
                log.warning("reaping waits: %r", error)
            await _either(over, pause_s)

    async def _reap(self, over: asyncio.Event) -> float:
        """One pass, and others as long as there is more to do; none where another process made one just now.

        Returns the seconds until the next.
        """
        done: Counter[str] = Counter()
        more, every_ms = True, int(self._interval_s * 1000)
        while more and not over.is_set():
            found = await self._pass(every_ms=every_ms)
            done.update(found.counts)
            more, every_ms = found.more, 0
        _report(done)
        return found.pause_s

    async def _pass(self, *, every_ms: int) -> "Pass":
        lease_ms = int(self._settings.lease_s * 1000)
        reply = await self._script(args=arguments(self._settings, lease_ms=lease_ms, every_ms=every_ms))
        found = Pass.of(reply)
        self._report_unknown(found.unknown_types)
        for each in found.told:
            _tell(each)
        for job_id, traceback in found.unfit:
            message = unfitness(traceback)
            known = {"job_id": job_id, "state": "failed", "code": UNFIT, "reason": message}
            tell("ended", known, level=logging.ERROR)
            await self._fail(args=[keys.PREFIX, keys.RQ_PREFIX, job_id, UNFIT, message])
        return found

    def _report_unknown(self, types: frozenset[str]) -> None:
        # A pass sees a part of what waits; told every time, this would be all that the log says.
        told_at = time.monotonic()
        for name in sorted(types):
            if told_at - self._told_at.get(name, -TOLD_EVERY_S) >= TOLD_EVERY_S:
                self._told_at[name] = told_at
                log.warning("jobs of type %s wait, and no living worker knows it", name)


class ReaperThread:
    """The reaper of a worker process, whose main thread may be busy: a thread with an event loop of its own."""

    def __init__(self, connect: Callable[[], Redis], settings: Settings) -> None:
        self._connect = connect
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; the thread ends after its pass, or with the process."""
        # A loop that is closed already takes no more calls.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over.set)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._reap())
        finally:
            self._loop.close()

    async def _reap(self) -> None:
        # A client of its own: a lock of its pool that is held at a fork then holds up nobody.
        async with self._connect() as redis:
            await Reaper(redis, self._settings).run(self._over)


class Pass(msgspec.Struct, frozen=True):
    """What one pass did and found. `counts`: what was done and how often; `more`: there is more to do at once.

    `pause_s`: seconds until the next. `unfit`: jobs that workers took and could not run, each with the traceback as RQ
    keeps it. `told`: what the log says of single jobs, each the values of `TOLD`, None where there is none.
    """

    more: bool = False
    pause_s: float = 0.0
    counts: Mapping[str, int] = {}
    unknown_types: frozenset[str] = frozenset()
    unfit: tuple[tuple[str, bytes], ...] = ()
    told: Sequence[Sequence[bytes | None]] = ()

    @classmethod
    def of(cls, reply: Sequence[Any]) -> "Pass":
        """From the reply of `reap.lua`."""
        more, pause_ms, done, types, unfit, told = (*reply, (), (), (), ())[:6]
        return cls(
            more=bool(more),
            pause_s=pause_ms / 1000,
            counts={what.decode(): int(count) for what, count in zip(done[::2], done[1::2], strict=True)},
            unknown_types=frozenset(name.decode() for name in types),
            unfit=tuple((job_id.decode(), traceback) for job_id, traceback in unfit),
            told=told,
        )


def _report(done: Mapping[str, int]) -> None:
    told = [f"{done[what]} {words}" for what, words in _DONE.items() if done.get(what)]
    if told:
        log.warning("jobs: %s", ", ".join(told))


def _tell(values: Sequence[bytes | None]) -> None:
    fields = {name: value.decode(errors="replace") for name, value in zip(TOLD, values, strict=True) if value}
    # A damaged record may have anything there.
    event, attempt = fields.pop("event"), fields.get("attempt", "")
    known = {**fields, "attempt": int(attempt) if attempt.isdecimal() else 0}
    tell(event, known, level=logging.WARNING if event == "lost" else logging.INFO)


async def _either(over: asyncio.Event, pause_s: float) -> None:
    # Not asyncio.wait_for: Python 3.11's can swallow what it races with.
    waiting = asyncio.ensure_future(over.wait())
    try:
        await asyncio.wait([waiting], timeout=pause_s)
    finally:
        waiting.cancel()
        # A loop that is closed next would find it pending.
        await asyncio.wait([waiting])
