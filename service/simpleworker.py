"""Workers without a process for each job: in the worker's own process, or on a thread."""

import threading
import time

import rq
from redis import Redis
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.queue import Queue
from rq.timeouts import TimerDeathPenalty

from service.carefulworker import CarefulWorker
from service.execution import Workshop, kept, prepare
from service.rqjob import claimed


class SimpleWorker(CarefulWorker, rq.SimpleWorker):
    """No process for each job: for quick jobs that are trusted not to crash. A running job is not interrupted."""

    def perform_job(self, job: RQJob, queue: Queue, execution: Execution) -> bool:
        """Run the job here, while a thread keeps its lease."""
        with kept(claimed(job), self.fence):
            return super().perform_job(job, queue, execution)


class ThreadWorker(SimpleWorker):
    """A worker on a thread of the process that has the only way to its Redis: fakeredis has no other."""

    death_penalty_class = TimerDeathPenalty

    def __init__(self, queues: list[str], *, connection: Redis, workshop: Workshop, stop: threading.Event) -> None:
        super().__init__(queues, connection=connection, workshop=workshop, grace_s=0)
        self._stop = stop
        self._schedule_at = 0.0

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def _install_signal_handlers(self) -> None:
        """Signals belong to the main thread."""

    def _stay_registered(self) -> None:
        super()._stay_registered()
        if time.monotonic() >= self._schedule_at:
            self._schedule_at = time.monotonic() + 1
            # What is due is pushed from here: a scheduler process would see a fakeredis of its own.
            self._start_scheduler(burst=True, logging_level="WARNING")


def run_in_thread(redis: Redis, *, workshop: Workshop, stop: threading.Event) -> threading.Thread:
    """Start a worker on a thread of this process. It ends after the job that runs when `stop` is set."""
    prepare(workshop)
    worker = ThreadWorker(list(workshop.settings.queues), connection=redis, workshop=workshop, stop=stop)
    thread = threading.Thread(target=worker.work, kwargs={"logging_level": "WARNING"}, name="worker", daemon=True)
    thread.start()
    return thread
