"""A worker that takes turns in the thread of the test: jobs see its patches, its transactions and its breakpoints."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from redis import Redis

from pollable.catalog.hooks import worker_init
from pollable.jobs import reaper
from pollable.storage.scripts import source
from pollable.worker.attempt import Workshop
from pollable.worker.presence import Presence
from pollable.worker.simple import ThreadWorker

REAP_EVERY_S = 0.1


class InlineWorker(ThreadWorker):
    """Runs what is there to be run whenever it is given a turn."""

    def __init__(self, redis: Redis, workshop: Workshop) -> None:
        queues = list(workshop.settings.queues)
        super().__init__(queues, connection=redis, workshop=workshop, stop=threading.Event())
        settings = workshop.settings
        self._reap = redis.register_script(source("reap"))
        self._reap_arguments = reaper.arguments(settings, lease_ms=int(settings.lease_s * 1000), every_ms=0)
        self._presence = Presence(redis, queues=queues, types=workshop.types)
        self._reap_at = 0.0
        self._turn = threading.Lock()
        self.register_birth()

    def turn(self) -> None:
        """Run jobs until none is left that is due. Within a job, nothing: one runs at a time."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            if _is_on_event_loop():
                # A job's `async def` needs a loop of its own.
                thread = threading.Thread(target=self._work_off, name="worker")
                thread.start()
                thread.join()
            else:
                self._work_off()
        finally:
            self._turn.release()

    def _work_off(self) -> None:
        _begin_process()
        if time.monotonic() >= self._reap_at:
            # What is due is put into its queue, as every process of a deployment does it.
            self._presence.say()
            self._reap(args=self._reap_arguments)
            self._reap_at = time.monotonic() + REAP_EVERY_S
        with _alarm_kept():
            while taken := self.dequeue_job_and_maintain_ttl(None):
                self.execute_job(*taken)


@cache
def _begin_process() -> None:
    worker_init.run()


def _is_on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@contextmanager
def _alarm_kept() -> Iterator[None]:
    """An attempt ends by switching the alarm off: a time limit of the test's own uses the same."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    began, (left_s, every_s) = time.monotonic(), signal.getitimer(signal.ITIMER_REAL)
    try:
        yield
    finally:
        if left_s:
            signal.setitimer(signal.ITIMER_REAL, max(left_s - (time.monotonic() - began), 0.001), every_s)
