"""Workers without a process for each job: in the worker's own process, or on a thread."""

import threading

import rq
from redis import Redis
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.queue import Queue
from rq.timeouts import TimerDeathPenalty

from pollable.catalog.hooks import worker_init
from pollable.worker.attempt import Workshop
from pollable.worker.base import CarefulWorker
from pollable.worker.job import attempt_of
from pollable.worker.lease import kept
from pollable.worker.offspring import begin, end
from pollable.worker.presence import Presence


class SimpleWorker(CarefulWorker, rq.SimpleWorker):
    """No process for each job: for quick jobs that are trusted not to crash. A running job is not interrupted."""

    beat_s = 10**9
    """For the length of a job it is not heard of."""

    def perform_job(self, job: RQJob, queue: Queue, execution: Execution) -> bool:
        """Run the job here, while a thread keeps its lease."""
        claim = attempt_of(job).claim
        self.pulse(claim.timeout_s)
        begin(self.mark)
        try:
            with kept(claim, self.claims):
                return super().perform_job(job, queue, execution)
        finally:
            end(self.mark)


class ThreadWorker(SimpleWorker):
    """A worker on a thread of the process that has the only way to its Redis: fakeredis has no other."""

    death_penalty_class = TimerDeathPenalty

    def __init__(self, queues: list[str], *, connection: Redis, workshop: Workshop, stop: threading.Event) -> None:
        super().__init__(queues, connection=connection, workshop=workshop, grace_s=0)
        self._stop = stop
        # fakeredis does not let a wait be ended.
        self.bells.look_s = 0.1
        # What this process starts meanwhile is not the job's alone.
        self.mark = 0

    def run(self) -> None:
        """What a thread does as this worker."""
        worker_init.run()
        self.work(logging_level="WARNING")

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def _install_signal_handlers(self) -> None:
        """Signals belong to the main thread."""


def run_in_thread(redis: Redis, *, workshop: Workshop, stop: threading.Event) -> threading.Thread:
    """Start a worker on a thread of this process. It ends after the job that runs when `stop` is set."""
    queues = list(workshop.settings.queues)
    worker = ThreadWorker(queues, connection=redis, workshop=workshop, stop=stop)
    Presence(redis, queues=queues, types=workshop.types).start(stop)
    thread = threading.Thread(target=worker.run, name="worker", daemon=True)
    thread.start()
    return thread
