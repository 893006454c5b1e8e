"""RQ's Worker as we need it: a process for each job, and a parent that watches it."""

import logging
import os
import time
from contextlib import suppress
from typing import Any

import rq
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.queue import Queue
from rq.utils import now

from service.carefulworker import HEARTBEAT_S, CarefulWorker
from service.execution import follow, retry_delay_s
from service.fence import Claim, Outcome, Verdict
from service.horse import Horse, exit_reason
from service.oversight import Oversight
from service.redisconnection import UNAVAILABLE
from service.rqjob import claimed

log = logging.getLogger("pollable.worker")

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
        super().fork_work_horse(job, queue)
        with suppress(OSError):
            os.setpgid(self.horse_pid, self.horse_pid)

    def kill_horse(self, sig: Any = None) -> None:  # noqa: ARG002 - RQ's signature; SIGTERM would be ignored
        """Kill the horse. RQ's own, with no horse, kills the worker's group."""
        if self.horse_pid:
            super().kill_horse()

    def monitor_work_horse(self, job: RQJob, queue: Queue, execution: Execution) -> None:
        """Wait for the horse; end it when its time is over, when asked to, or when the attempt is no longer ours."""
        job.started_at = now()
        horse = Horse(self.horse_pid)
        oversight = Oversight(claimed(job), self.fence)
        beat_at = time.monotonic() + HEARTBEAT_S
        reason, status = "", None
        while status is None:
            reason = reason or oversight.reason_to_end(release_at=self._release_at)
            if reason:
                self.kill_horse()
            status = horse.wait(timeout_s=WATCH_S)
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_S
                self._beat(job, execution)
        self._horse_pid = 0
        self.executions.pop(execution.id, None)
        if status != 0 or oversight.is_unfinished():
            self._settle(job, queue, execution, why=self._stop_wish(job) or reason or exit_reason(status))

    @property
    def _release_at(self) -> float | None:
        # Early enough to kill the horse, write it down and leave RQ's registers before the grace ends.
        return None if self.shutdown_at is None else self.shutdown_at - min(5.0, self.grace_s / 2)

    def _beat(self, job: RQJob, execution: Execution) -> None:
        try:
            self.maintain_heartbeats(job, execution)
        except UNAVAILABLE as error:
            log.warning("RQ's heartbeat of job %s could not be sent: %s", job.id, error)

    def _stop_wish(self, job: RQJob) -> str:
        return "stop" if self._stopped_job_id == job.id else ""

    def _settle(self, job: RQJob, queue: Queue, execution: Execution, *, why: str) -> None:
        """End the attempt of a horse that did not end it itself, in the record and then in RQ."""
        claim = claimed(job)
        verdict = self._verdict(claim, why)
        follow(job, verdict)
        job.ended_at = now()
        log.warning("job %s, attempt %d: %s; it is now %s", job.id, claim.attempt, why, verdict.state)
        if verdict.kind in {"released", "refused"}:
            self.forget_execution(job, execution)
        elif verdict.state == "succeeded":
            # The horse wrote its outcome and died before RQ heard of it.
            self.handle_job_success(job, queue, None, execution)
        else:
            self._stopped_job_id = job.id if verdict.state == "cancelled" else None
            self.handle_job_failure(job, queue, exc_string=f"The work-horse ended: {why}.", execution=execution)

    def _verdict(self, claim: Claim, why: str) -> Verdict:
        if why == "lost":
            return Verdict("refused", "no longer ours")
        if why == "released":
            return self.fence.complete(claim, Outcome(kind="released"), patience_s=0)
        if why == "stop":
            return self.fence.complete(claim, Outcome(kind="stopped"))
        code, message = "killed", f"The process that ran the job ended: {why}."
        if why == "timeout":
            code, message = "timeout", f"The job ran longer than {claim.timeout_s} s."
        delay_s = retry_delay_s(claim, self.workshop)
        return self.fence.complete(
            claim, Outcome(kind="failed", code=code, message=message, may_retry=True, delay_s=delay_s)
        )
