"""One worker process: RQ workers, one after another, until it is told to stop."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

from redis import Redis

from pollable.catalog.hooks import worker_init
from pollable.jobs.reaper import ReaperThread
from pollable.storage import risks
from pollable.storage.connection import connect, connect_async, tolerated
from pollable.worker.attempt import Workshop
from pollable.worker.base import CarefulWorker
from pollable.worker.forking import Worker
from pollable.worker.horse import Stay
from pollable.worker.offspring import end_forsaken
from pollable.worker.presence import Presence, register_again
from pollable.worker.simple import SimpleWorker

log = logging.getLogger("pollable.worker")

RESTART_S = 1.0
REGISTERED_EVERY_S = 9.0
"""At every other round of `Presence`: whoever Redis forgot is to be seen again within 20 s."""
SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Pulse = Callable[[float], None]
"""Told whenever a main loop goes round, and for how many seconds it may be busy now."""


class Shift:
    """One process that works until it is told to stop, whatever happens to Redis in between."""

    def __init__(self, workshop: Workshop, queues: list[str], *, simple: bool, stay: Stay, grace_s: float) -> None:
        self._workshop = workshop
        self._queues = queues
        self._new_worker: Callable[..., CarefulWorker] = SimpleWorker if simple else partial(Worker, stay=stay)
        self._grace_s = grace_s
        self._worker: CarefulWorker | None = None
        self._is_over = False

    def work(self, pulse: Pulse) -> int:
        """Run RQ workers, one after another, until SIGTERM or SIGINT. The exit code: 1 where it could not begin."""
        for number in SHUTDOWN_SIGNALS:
            signal.signal(number, self._end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SHUTDOWN_SIGNALS)
        if not _is_prepared():
            return 1
        settings = self._workshop.settings
        reaper = ReaperThread(lambda: connect_async(settings), settings)
        reaper.start()
        over = threading.Event()
        # A client of its own: this thread goes on while a job is forked off.
        types = risks.announced(self._workshop.catalog)
        Upkeep(lambda: self._worker, connect(settings), queues=self._queues, types=types).start(over)
        telling = (connect(settings), settings, over)
        threading.Thread(target=risks.tell, args=telling, name="risks", daemon=True).start()
        while not self._is_over:
            pulse(0)
            try:
                with tolerated("the worker"):
                    self._work_once(pulse)
            except Exception:
                log.exception("the worker failed and starts again")
            if not self._is_over:
                time.sleep(RESTART_S)
        reaper.stop()
        over.set()
        return 0

    def _work_once(self, pulse: Pulse) -> None:
        worker = self._new_worker(
            self._queues,
            connection=connect(self._workshop.settings),
            workshop=self._workshop,
            grace_s=self._grace_s,
        )
        worker.pulse = pulse
        self._worker = worker
        # A signal may have come while there was no worker.
        if not self._is_over:
            worker.work(logging_level="WARNING")

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._is_over = True
        if self._worker is not None:
            self._worker.request_stop(number, frame)


class Upkeep(Presence):
    """What is done every few seconds, whatever the main thread does."""

    def __init__(
        self, worker: Callable[[], CarefulWorker | None], redis: Redis, *, queues: list[str], types: list[str]
    ) -> None:
        super().__init__(redis, queues=queues, types=types)
        self._worker = worker
        self._redis = redis
        self._registers_at = 0.0

    def say(self) -> None:
        """Who and what it is; and end what a killed neighbour's jobs left, of whom nobody else may know."""
        end_forsaken()
        super().say()
        worker = self._worker()
        if worker is not None and time.monotonic() >= self._registers_at:
            register_again(worker, self._redis)
            self._registers_at = time.monotonic() + REGISTERED_EVERY_S


def _is_prepared() -> bool:
    try:
        worker_init.run()
    except (Exception, SystemExit) as error:
        log.error("the worker cannot begin: @worker_init raised %r", error)
        return False
    return True
