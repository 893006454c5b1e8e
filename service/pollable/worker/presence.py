"""Presence: a worker says what it can run, so that nobody waits unknowingly for a worker that is not there."""

import logging
import threading
from collections.abc import Sequence

from redis import Redis

from pollable.storage import keys
from pollable.storage.scripts import source

log = logging.getLogger("pollable.worker")

INTERVAL_S = 5.0
"""What is said holds for four times as long (`workers.lua`)."""


class Presence:
    """From a thread, since a worker may be busy with a job for longer than what it said holds."""

    def __init__(self, redis: Redis, *, queues: Sequence[str], types: Sequence[str]) -> None:
        self._script = redis.register_script(source("announce"))
        self._arguments = [keys.PREFIX, keys.RQ_PREFIX, " ".join(types), *queues]

    def start(self, over: threading.Event) -> None:
        """Say so until `over` is set."""
        threading.Thread(target=self._run, args=(over,), name="presence", daemon=True).start()

    def say(self) -> None:
        """Say so once. Raises redis' errors."""
        self._script(args=self._arguments)

    def _run(self, over: threading.Event) -> None:
        while True:
            try:
                self.say()
            except Exception as error:
                # Whatever it was: should nobody know of this worker, its jobs would read as stalled for good.
                log.debug("what this worker can run could not be said: %r", error)
            if over.wait(INTERVAL_S):
                return
