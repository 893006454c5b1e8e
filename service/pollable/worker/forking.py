"""RQ's Worker as we need it: a process for each job, and a parent that watches it."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import rq
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.queue import Queue
from rq.utils import now

from pollable.catalog.hooks import horse_init
from pollable.storage.connection import tolerated
from pollable.worker import failures
from pollable.worker.attempt import Attempt
from pollable.worker.base import HEARTBEAT_S, CarefulWorker
from pollable.worker.claims import Ending, Outcome, Reception, Settlement
from pollable.worker.horse import Horse, die_with, exit_reason, flush
from pollable.worker.job import attempt_of
from pollable.worker.offspring import begin, end
from pollable.worker.supervision import Cause, Supervision

WATCH_S = 0.25


class Worker(CarefulWorker, rq.Worker):
    """A process for each job. The parent renews the lease, enforces the deadline and obeys wishes to stop."""

    def setup_work_horse_signals(self) -> None:
        """A platform signals every process: the job goes on, and the parent decides when it is handed back.

        A handler that does nothing, since SIG_IGN would be inherited by what the job itself starts.
        """
        Horse.ignore_shutdown_signals()

    def fork_work_horse(self, job: RQJob, queue: Queue) -> None:
        """Fork, and give the horse its own process group from here too.

        Until the horse has done so itself, killing its group would kill the worker's.
        """
        flush()
        super().fork_work_horse(job, queue)
        with suppress(OSError):
            os.setpgid(self.horse_pid, self.horse_pid)

    def main_work_horse(self, job: RQJob, queue: Queue) -> None:
        """In the horse: it dies with its worker, and what it starts ends with it."""
        die_with(self.pid or 0)
        begin(self.mark)
        super().main_work_horse(job, queue)

    def perform_job(self, job: RQJob, queue: Queue, execution: Execution) -> bool:
        """In the horse, which RQ ends without letting out what it printed."""
        attempt_of(job).preparations.append(horse_init.run)
        try:
            return super().perform_job(job, queue, execution)
        finally:
            logging.shutdown()
            flush()

    def kill_horse(self, sig: Any = None) -> None:  # noqa: ARG002 - RQ's signature; SIGTERM would be ignored
        """Kill the horse. RQ's own, with no horse, kills the worker's group."""
        if self.horse_pid:
            super().kill_horse()

    def monitor_work_horse(self, job: RQJob, queue: Queue, execution: Execution) -> None:
        """Wait for the horse; end it when its time is over, when asked to, or when the attempt is no longer ours."""
        job.started_at = now()
        supervision = Supervision(attempt_of(job).claim, self.claims)
        try:
            cause, status = self._watch(Horse(self.horse_pid), supervision, lambda: self._beat(job, execution))
        finally:
            end(self.mark)
        self._horse_pid = 0
        self.executions.pop(execution.id, None)
        if status != 0 or supervision.is_unfinished():
            if self._stopped_job_id == job.id:
                cause = Cause.STOPPED
            self._settle(job, queue, execution, cause=cause or Cause.DIED, status=status)

    def _watch(self, horse: Horse, supervision: Supervision, beat: Callable[[], None]) -> tuple[Cause | None, int]:
        cause, status = None, None
        beat_at = time.monotonic() + HEARTBEAT_S
        while status is None:
            cause = cause or supervision.cause_to_end(release_at=self.release_at)
            if cause is not None:
                self.kill_horse()
            status = horse.wait(timeout_s=WATCH_S)
            self.go_round(horse.pid)
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_S
                beat()
        return cause, status

    def _beat(self, job: RQJob, execution: Execution) -> None:
        with tolerated(f"RQ's heartbeat of job {job.id}"):
            self.maintain_heartbeats(job, execution)

    def _settle(self, job: RQJob, queue: Queue, execution: Execution, *, cause: Cause, status: int) -> None:
        """End the attempt of a horse that did not end it itself, in the record and then in RQ."""
        attempt = attempt_of(job)
        why = exit_reason(status) if cause is Cause.DIED else _WORDS[cause]
        settlement = self._settlement(attempt, job, cause=cause, why=why)
        job.ended_at = now()
        if settlement.kind in (Reception.RELEASED, Reception.REFUSED):
            self.forget_execution(job, execution)
        elif settlement.state == "succeeded":
            # The horse wrote its outcome and died before RQ heard of it.
            self.handle_job_success(job, queue, None, execution)
        else:
            self._stopped_job_id = job.id if settlement.state == "cancelled" else None
            self.handle_job_failure(job, queue, exc_string=f"The work-horse ended: {why}.", execution=execution)

    def _settlement(self, attempt: Attempt, job: RQJob, *, cause: Cause, why: str) -> Settlement:
        catalog = self.workshop.catalog
        match cause:
            case Cause.LOST:
                return attempt.lose(job)
            case Cause.RELEASED:
                return attempt.settle(job, Outcome(kind=Ending.RELEASED), is_patient=False)
            case Cause.STOPPED:
                return attempt.settle(job, Outcome(kind=Ending.STOPPED))
            case Cause.TIMED_OUT:
                return attempt.settle(job, failures.ran_too_long(attempt.claim, catalog=catalog))
            case Cause.DIED:
                return attempt.settle(job, failures.died(attempt.claim, why, catalog=catalog))


_WORDS = {
    Cause.LOST: "lost",
    Cause.STOPPED: "stopped on request",
    Cause.TIMED_OUT: "timeout",
    Cause.RELEASED: "released",
}
