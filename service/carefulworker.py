"""What every worker of ours does otherwise than RQ's: a safe pop, a claim before every job, a safe SIGTERM."""

import logging
import time
from types import FrameType
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq.exceptions import NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.queue import Queue
from rq.utils import now
from rq.worker import BaseWorker, WorkerStatus

from service.execution import Workshop
from service.fence import Claim, Fence, Outcome, Refusal
from service.redisconnection import UNAVAILABLE, patiently
from service.rqjob import Job, is_fenced_off
from service.scripts import load
from service.serializer import JSON

log = logging.getLogger("pollable.worker")

POLL_S = 0.05
"""Between two looks at empty queues. BLPOP would wake sooner, and loses a job when the worker dies just then."""

HEARTBEAT_S = 15.0
SAME_SIGNAL_S = 1.0
SCHEDULER_GRACE_S = 2.0
START_PATIENCE_S = 60.0

_RQ_STATUS = {"succeeded": JobStatus.FINISHED, "failed": JobStatus.FAILED, "cancelled": JobStatus.CANCELED}


class CarefulWorker(BaseWorker):
    """What our forking and our simple worker share."""

    job_class = Job
    connection_timeout = 1  # ours is set already; RQ would raise it to minutes

    def __init__(self, queues: list[str], *, connection: Redis, workshop: Workshop, grace_s: float) -> None:
        super().__init__(queues, connection=connection, job_class=Job, serializer=JSON, log_job_description=False)
        self.workshop = workshop
        self.fence = Fence(connection, lease_s=workshop.settings.lease_s)
        self.grace_s = grace_s
        self.shutdown_at: float | None = None
        self._pop = connection.register_script(load("pop"))
        self._heartbeat_at = 0.0
        self._stop_requested_at = 0.0

    @property
    def is_stopping(self) -> bool:
        return bool(self._stop_requested)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - RQ's signature
        """Only sets flags: raising here, or logging, can strand a job between pop and claim.

        A second signal means at once, unless it follows within a second: a platform signals every process, and a parent
        passes the signal on.
        """
        at = time.monotonic()
        if not self._stop_requested:
            self._stop_requested = True
            self._stop_requested_at = at
            self.shutdown_at = at + self.grace_s
        elif at > self._stop_requested_at + SAME_SIGNAL_S:
            self.shutdown_at = at

    def _install_signal_handlers(self) -> None:
        """Signals come through `worker.py`, which outlives any one worker."""

    def dequeue_job_and_maintain_ttl(
        self,
        timeout: int | None,
        max_idle_time: int | None = None,  # noqa: ARG002 - RQ's signature; our workers never leave for idleness
    ) -> tuple[RQJob, Queue] | None:
        """The next job, waiting as long as it takes; None only in burst mode (`timeout` None) with empty queues."""
        self.set_state(WorkerStatus.IDLE)
        self.procline("Listening on " + ",".join(self.queue_names()))  # type: ignore[no-untyped-call]
        while not self.is_stopping:
            try:
                self._stay_registered()
                taken = self._take()
            except UNAVAILABLE as error:
                log.warning("Redis is away: %s", error)
                time.sleep(1)
                continue
            if taken is not None:
                return taken
            if timeout is None:
                return None
            time.sleep(POLL_S)
        raise StopRequested

    def stop_scheduler(self) -> None:
        """RQ's own waits for ever for a scheduler that was told to stop before it could hear."""
        process: Any = self.scheduler and self.scheduler._process
        if process:
            process.terminate()
            process.join(timeout=SCHEDULER_GRACE_S)
            process.kill()
            process.join()

    def execute_job(self, job: RQJob, queue: Queue) -> None:
        """Claim the job, then run it; a job that may not run is taken out of RQ's way."""
        claim = self.fence.claim(job.id)
        if isinstance(claim, Refusal):
            self._turn_away(job, queue, claim)
            return
        assert isinstance(job, Job)
        job.claim = claim
        self._stopped_job_id = None
        super().execute_job(job, queue)

    def prepare_execution(self, job: RQJob) -> Execution:
        """RQ's own, tried again while Redis is away: giving up here would cost the attempt."""
        prepare = super().prepare_execution
        return patiently(lambda: prepare(job), what=f"the start of job {job.id}", patience_s=START_PATIENCE_S)

    def prepare_job_execution(self, job: RQJob, remove_from_intermediate_queue: bool = False) -> None:
        """As above, in the horse."""
        prepare = super().prepare_job_execution
        patiently(
            lambda: prepare(job, remove_from_intermediate_queue),
            what=f"the start of job {job.id}",
            patience_s=START_PATIENCE_S,
        )

    def handle_execution_ended(self, job: RQJob, queue: Queue, heartbeat_ttl: int) -> None:
        """RQ's heartbeat would bring the hash of a deleted job back."""
        if is_fenced_off(job):
            job.ended_at = now()
        else:
            super().handle_execution_ended(job, queue, heartbeat_ttl)

    def handle_job_success(self, job: RQJob, queue: Queue, started_job_registry: Any, execution: Execution) -> None:
        """A late attempt leaves RQ's status to the attempt that is current."""
        if is_fenced_off(job):
            self.forget_execution(job, execution)
        else:
            super().handle_job_success(job, queue, started_job_registry, execution)

    def handle_job_failure(
        self,
        job: RQJob,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """A late attempt leaves RQ's status to the attempt that is current."""
        if is_fenced_off(job):
            self.forget_execution(job, execution)
        else:
            # What is no UTF-8 would keep RQ from storing the failure at all.
            printable = exc_string.encode(errors="backslashreplace").decode()
            super().handle_job_failure(job, queue, started_job_registry, printable, execution)

    def forget_execution(self, job: RQJob, execution: Execution | None) -> None:
        """Take an execution out of RQ's books, and leave the job in them as it is."""
        pipeline: Pipeline
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline, execution)
            pipeline.execute()

    def _stay_registered(self) -> None:
        if time.monotonic() >= self._heartbeat_at:
            self.heartbeat()
            self._heartbeat_at = time.monotonic() + HEARTBEAT_S
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()  # type: ignore[no-untyped-call]

    def _take(self) -> tuple[RQJob, Queue] | None:
        popped: Any = self._pop(args=self.queue_keys())
        if popped is None:
            return None
        queue = next(queue for queue in self.queues if queue.key == popped[0].decode())
        job_id = popped[1].decode()
        try:
            return self.job_class.fetch(job_id, self.connection, self.serializer), queue
        except NoSuchJobError:
            log.info("job %s was deleted before it began", job_id)
        except UNAVAILABLE:
            # The id stays in the intermediate list, and the reaper pushes it back.
            raise
        except Exception:
            # Another's hash, or a damaged one: the next worker could read it no better.
            log.exception("job %s cannot be read from RQ's hash", job_id)
            self._fail_unreadable(job_id)
        queue.intermediate_queue.remove(job_id)
        return None

    def _fail_unreadable(self, job_id: str) -> None:
        claim = self.fence.claim(job_id)
        if isinstance(claim, Claim):
            self.fence.complete(
                claim, Outcome(kind="failed", code="exception", message="The job's data in RQ cannot be read.")
            )

    def _turn_away(self, job: RQJob, queue: Queue, refusal: Refusal) -> None:
        queue.intermediate_queue.remove(job.id)
        if refusal.state == "missing":
            log.error("job %s in queue %s was not submitted through Pollable and is not run", job.id, queue.name)
            job.retries_left = 0
            self.handle_job_failure(job, queue, exc_string="This worker runs only jobs submitted through Pollable.")
            return
        log.info("job %s is %s already and is not run", job.id, refusal.state)
        if refusal.state in _RQ_STATUS:
            job.set_status(_RQ_STATUS[refusal.state])
