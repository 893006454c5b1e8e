"""What every worker of ours does otherwise than RQ's: a safe pop, a claim before every job, a safe SIGTERM."""

import logging
import os
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from redis import Redis
from redis.client import Pipeline
from rq.defaults import DEFAULT_JOB_MONITORING_INTERVAL
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.job import JobStatus
from rq.queue import Queue
from rq.utils import now
from rq.worker import BaseWorker, WorkerStatus

from pollable.model import FINAL_STATES, State, rq_status_of
from pollable.serializer import JSON, Untouched
from pollable.storage import keys
from pollable.storage.connection import NOTHING, RETRY_S, patiently, tolerated
from pollable.storage.scripts import source
from pollable.worker.attempt import Attempt, Workshop
from pollable.worker.bells import Bells
from pollable.worker.claims import Claim, Claims, Ending, Outcome, Refused
from pollable.worker.failures import AttemptFailed
from pollable.worker.job import Job, attempt_of, is_fenced_off
from pollable.worker.offspring import bury_orphans, end_forsaken, mark_of

log = logging.getLogger("pollable.worker")

T = TypeVar("T")

AGAIN = (0, b"due in", 1)
"""In the place of a look in vain: the next one follows at once."""
HEARTBEAT_S = 15.0
UNREADABLE = Outcome(kind=Ending.FAILED, code="exception", message="The job's data in RQ cannot be read.")
SAME_SIGNAL_S = 1.0


class CarefulWorker(BaseWorker):
    """What our forking and our simple worker share."""

    job_class = Job
    connection_timeout = 1  # ours is set already; RQ would raise it to minutes
    beat_s = DEFAULT_JOB_MONITORING_INTERVAL  # RQ hears of a running job at least so often

    def __init__(self, queues: list[str], *, connection: Redis, workshop: Workshop, grace_s: float) -> None:
        # What a queue reads and writes here are jobs of other code that wait for one of ours.
        found = [Queue(name, connection=connection, job_class=RQJob, serializer=Untouched) for name in queues]
        super().__init__(found, connection=connection, job_class=Job, serializer=JSON, log_job_description=False)
        self.workshop = workshop
        lease_s, books = workshop.settings.lease_s, (self.name, self.beat_s)
        self.claims = Claims(connection, lease_s=lease_s, types=workshop.types, books=books)
        self.claims.gives_up = self._gives_up
        self.mark = mark_of(os.getpid())
        self.grace_s = grace_s
        self.pulse: Callable[[float], None] = lambda _busy_s: None
        self.shutdown_at: float | None = None
        self._pop = connection.register_script(source("pop"))
        self._types = " ".join(workshop.types)
        self.bells = Bells(connection, queues=queues, types=workshop.types)
        self._vain: Sequence[Any] = AGAIN
        self._was_idle = False
        self._heartbeat_at = 0.0
        self._stop_requested_at = 0.0

    @property
    def is_stopping(self) -> bool:
        return bool(self._stop_requested)

    @property
    def release_at(self) -> float | None:
        """When a worker that goes away lets go of its job, monotonic; None while it stays."""
        # Early enough to kill the horse, write it down and leave RQ's registers before the grace ends.
        return None if self.shutdown_at is None else self.shutdown_at - min(5.0, self.grace_s / 2)

    def _gives_up(self) -> bool:
        # Whoever waits for Redis is not stuck.
        self.pulse(0.0)
        return self.release_at is not None and time.monotonic() > self.release_at

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

    def _set_ip_address(self, connection: Redis) -> None:  # noqa: ARG002 - RQ's signature
        """Not asked for: CLIENT, which also ends other clients, is nothing that a worker's user should be allowed."""
        self.ip_address = "unknown"

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
            self.go_round()
            with tolerated("a look at the queues"):
                taken = self._take()
                if taken is not None or timeout is None:
                    return taken
                self.bells.wait(self._vain, is_over=lambda: self.is_stopping)
                continue
            time.sleep(RETRY_S)
        raise StopRequested

    def register_birth(self) -> None:
        """RQ's own, and that this worker says itself what it can run (`presence`)."""
        super().register_birth()  # type: ignore[no-untyped-call]
        self.connection.hset(self.key, "pollable", 1)

    # RQ's own, where Redis takes them: they are for dashboards.
    register_death = tolerated("a worker's farewell")(BaseWorker.register_death)

    @tolerated("a worker's state")
    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """What Redis knows already, by the scripts that begin and end attempts, is not said again."""
        if state != self.get_state():
            super().set_state(state, pipeline)

    @tolerated("a worker's heartbeat")
    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Not after every job: its claim has been one."""
        if timeout or time.monotonic() >= self._heartbeat_at:
            self._heartbeat_at = time.monotonic() + HEARTBEAT_S
            super().heartbeat(timeout, pipeline)

    def _pubsub_exception_handler(self, exc: Exception, *_: object) -> None:
        # RQ's own says so every two seconds, and ends the thread where Redis says no.
        with tolerated("the hearing of commands"):
            time.sleep(RETRY_S)
            raise exc

    def check_for_suspension(self, burst: bool) -> None:
        """Nothing to wait for: `pop.lua` gives no job meanwhile, and the main loop goes round."""

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """Never: RQ's would end other code's jobs in a queue that we share, without their callbacks."""
        return False

    def execute_job(self, job: RQJob, queue: Queue) -> None:
        """Claim the job, then run it; a job that may not run is taken out of RQ's way."""
        # Where no time is left to wait for Redis, the worker goes.
        with tolerated(f"job {job.id}"):
            claim = self.claims.claim(job.id)
            if isinstance(claim, Refused):
                self._turn_away(job, queue, claim)
                return
            self._state = WorkerStatus.BUSY
            if claim.attempt > 1:
                end_forsaken()
            self._stopped_job_id = None
            try:
                job = self.job_of(claim)
            except Exception:
                # Another's hash, or a damaged one: the next worker could read it no better.
                log.exception("job %s cannot be read from RQ's hash", claim.job_id)
                self.claims.complete(claim, UNREADABLE)
            else:
                super().execute_job(job, queue)

    def job_of(self, claim: Claim) -> Job:
        """The job, and the attempt that runs it. Raises whatever a damaged hash does."""
        attempt = Attempt(claim, claims=self.claims, workshop=self.workshop)
        return Job.attempted(attempt, self.connection)

    def prepare_execution(self, job: RQJob) -> Execution:
        """The claim has told RQ."""
        execution = Execution(attempt_of(job).claim.token, job.id, self.connection, self.name)
        self.executions[execution.id] = execution
        return execution

    def prepare_job_execution(self, job: RQJob, remove_from_intermediate_queue: bool = False) -> None:
        """The claim has told RQ."""

    def handle_execution_ended(self, job: RQJob, queue: Queue, heartbeat_ttl: int) -> None:  # noqa: ARG002
        """The outcome has told RQ."""
        job.ended_at = now()
        if attempt_of(job).has_ended:
            self._state = WorkerStatus.IDLE

    def handle_job_success(self, job: RQJob, queue: Queue, started_job_registry: Any, execution: Execution) -> None:
        """A late attempt leaves RQ's status to the attempt that is current."""
        if is_fenced_off(job):
            self.forget_execution(job, execution)
            return
        if attempt_of(job).settlement.is_noted:
            self.executions.pop(execution.id, None)
            return
        handle = super().handle_job_success
        self._keep_books(job, lambda: handle(job, queue, started_job_registry, execution))
        self._forget_result(job)

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
            return
        # RQ's own logs a refusal, and forgets the failure; a heartbeat tells beforehand.
        self._keep_books(job, partial(BaseWorker.heartbeat, self))
        with tolerated(f"RQ's note of job {job.id}"):
            # What is no UTF-8 would keep RQ from storing the failure at all.
            printable = exc_string.encode(errors="backslashreplace").decode()
            super().handle_job_failure(job, queue, started_job_registry, printable, execution)
        self._forget_result(job)

    def handle_exception(self, job: RQJob, *exc_info: Any) -> None:
        """RQ's own logs a traceback: of an attempt that has been logged already it would be the second."""
        if not isinstance(exc_info[1], AttemptFailed):
            super().handle_exception(job, *exc_info)

    def forget_execution(self, job: RQJob, execution: Execution | None) -> None:
        """Take an execution out of RQ's books, and leave the job in them as it is."""

        def forget() -> None:
            pipeline: Pipeline
            with self.connection.pipeline() as pipeline:
                self.cleanup_execution(job, pipeline, execution)
                pipeline.execute()

        self._keep_books(job, forget)

    def _keep_books(self, job: RQJob, note: Callable[[], object]) -> None:
        """The job has ended in its record already: RQ hears of it when Redis is back, or never, if we must go."""
        with tolerated(f"RQ's note of job {job.id}"):
            self._outlast(job, note)

    def _outlast(self, job: RQJob, call: Callable[[], T], *, meanwhile: Callable[[], object] = NOTHING) -> T:
        what = f"RQ's note of job {job.id}"
        return patiently(call, what=what, gives_up=self.claims.gives_up, meanwhile=meanwhile)

    def _forget_result(self, job: RQJob) -> None:
        """RQ keeps a result in 5 kB, however short it is; the record has it too."""
        if attempt_of(job).settlement.is_short:
            with tolerated(f"the memory of job {job.id}"):
                self.connection.delete(f"{keys.RQ_PREFIX}results:{job.id}")

    def go_round(self, horses: Collection[int] = ()) -> None:
        """One more round of a main loop, of a worker with these horses."""
        self.pulse(0)
        if os.getpid() == 1:
            bury_orphans(horses=horses)

    def _take(self) -> tuple[RQJob, Queue] | None:
        names = self.queue_names()
        popped: Any = self._pop(args=[keys.PREFIX, keys.RQ_PREFIX, self._types, self._vain[0], *names])
        if isinstance(popped[0], int):
            self._vain = popped
            return None
        self._was_idle, self._vain = self._vain is not AGAIN, AGAIN
        queue = self.queues[names.index(popped[0].decode())]
        return self.job_class(popped[1].decode(), self.connection, self.serializer), queue

    def _turn_away(self, job: RQJob, queue: Queue, refusal: Refused) -> None:
        queue.intermediate_queue.remove(job.id)
        log.info("job %s is not run here: %s", job.id, refusal.state)
        if refusal.state in FINAL_STATES and RQJob.exists(job.id, self.connection):
            job.set_status(JobStatus(rq_status_of(State(refusal.state), never_ran=True)))
