"""Presence: a worker says what it can run, so that nobody waits unknowingly for a worker that is not there."""

import logging
import threading
from collections.abc import Sequence

from redis import Redis
from redis.client import Pipeline
from rq import worker_registration
from rq.utils import now
from rq.worker import BaseWorker

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


def register_again(worker: BaseWorker, redis: Redis) -> None:
    """As at birth, for another thread to do: after a FLUSHALL RQ's heartbeats go to what is gone."""

    by_queue = [worker_registration.WORKERS_BY_QUEUE_KEY % name for name in worker.queue_names()]

    def register(pipeline: Pipeline) -> None:
        is_here = worker.birth_date and not pipeline.hexists(worker.key, "death")
        is_listed = worker.key.encode() in pipeline.sinter([worker.redis_workers_keys, *by_queue])
        worker.last_heartbeat = now()
        pipeline.multi()
        if is_here:
            pipeline.hset(worker.key, mapping={**worker.serialize(), "state": worker.get_state(), "pollable": 1})
            pipeline.expire(worker.key, worker.worker_ttl + 60)
        if is_here and not is_listed:
            worker_registration.register(worker, pipeline)

    redis.transaction(register, worker.key)
