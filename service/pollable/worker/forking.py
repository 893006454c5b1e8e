"""RQ's Worker as we need it: a process for each job, and a parent that watches it."""

import gc
import logging
import os
import random
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import msgspec
import rq
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.queue import Queue
from rq.utils import now
from rq.worker import WorkerStatus

from pollable.catalog.hooks import horse_init
from pollable.storage.connection import tolerated
from pollable.worker import failures
from pollable.worker.attempt import Attempt
from pollable.worker.base import HEARTBEAT_S, CarefulWorker
from pollable.worker.claims import Claim, Ending, Outcome, Reception, Settlement
from pollable.worker.horse import LEAVES, STAYS, Horse, Stay, die_with, exit_reason, flush, reins
from pollable.worker.job import attempt_of
from pollable.worker.offspring import begin, bury_orphans, end
from pollable.worker.supervision import Cause, Supervision

WATCH_S = 0.25
ALONE_S = 0.02


class Worker(CarefulWorker, rq.Worker):
    """A process for each job. The parent renews the lease, enforces the deadline and obeys wishes to stop."""

    def __init__(self, queues: list[str], *, stay: Stay, **given: Any) -> None:
        super().__init__(queues, **given)
        self.stay = stay
        self._at_work: Horse | None = None
        self._ready: Horse | None = None
        self._leaving: Horse | None = None

    def setup_work_horse_signals(self) -> None:
        """A platform signals every process: the job goes on, and the parent decides when it is handed back.

        A handler that does nothing, since SIG_IGN would be inherited by what the job itself starts.
        """
        Horse.ignore_shutdown_signals()

    def go_round(self, horses: Collection[int] = ()) -> None:
        """One more round of a main loop, and a horse that is ready while there is no job."""
        if self._leaving is not None and self._leaving.wait(timeout_s=0) is not None:
            self._leaving = None
        there = filter(None, (self._at_work, self._ready, self._leaving))
        super().go_round([*horses, *(horse.pid for horse in there)])
        if self._at_work is None and not self.is_stopping:
            self._readied()

    def teardown(self) -> None:
        """RQ's own, without the horse that waits in vain."""
        for horse in filter(None, (self._ready, self._leaving)):
            horse.end()
        super().teardown()  # type: ignore[no-untyped-call]

    def fork_work_horse(self, job: RQJob, queue: Queue) -> None:  # noqa: ARG002 - RQ's signature
        """Hand the claim to the horse that is ready."""
        claim = msgspec.msgpack.encode(attempt_of(job).claim)
        while not (horse := self._readied()).tell(claim):
            horse.end()
        self._at_work, self._ready, self._horse_pid = horse, None, horse.pid

    def _readied(self) -> Horse:
        if self._ready is None or self._ready.wait(timeout_s=0) is not None:
            self._ready = self._forked()
            self._expect()
        return self._ready

    def _expect(self) -> None:
        # A worker has one connection for its jobs, and no job waits for that to be made.
        if self._ready is not None and self._at_work is None:
            self._ready.tell(b"")

    def _forked(self) -> Horse:
        freeze()
        flush()
        ours, theirs = reins()
        pid = os.fork()
        if pid == 0:
            self._live(theirs, not_ours=[ours, *(horse.line for horse in (self._at_work,) if horse is not None)])
        theirs.close()
        # From here too: until the horse has done so itself, killing its group would kill the worker's.
        with suppress(OSError):
            os.setpgid(pid, pid)
        return Horse(pid, ours)

    def _live(self, line: Connection, *, not_ours: list[Connection]) -> NoReturn:
        """In the horse: it dies with its worker, and what its jobs start ends with them."""
        code = 1
        try:
            os.setpgrp()
            die_with(self.pid or 0)
            self.setup_work_horse_signals()
            random.seed()
            self._is_horse = True
            self.executions.clear()
            for other in not_ours:
                other.close()
            # The worker lets go of it, or is gone.
            with suppress(EOFError):
                number = 1
                while self._serve(self._next_claim(line), line, number=number):
                    number += 1
            code = 0
        finally:
            # Whatever happens, nothing gets out of here: above are the worker's own doings.
            try:
                logging.shutdown()
                flush()
            finally:
                os._exit(code)

    def _next_claim(self, line: Connection) -> Claim:
        pool = self.connection.connection_pool
        while not (message := line.recv_bytes()):
            with tolerated("a connection"):
                pool.release(pool.get_connection())
        return msgspec.msgpack.decode(message, type=Claim)

    def _serve(self, claim: Claim, line: Connection, *, number: int) -> bool:
        """Run one attempt, in the horse; whether it stays for another."""
        horse = os.getpid()
        # An earlier job may have changed them.
        self.setup_work_horse_signals()
        begin(self.mark)
        # As in RQ's own work-horse, for the job's code.
        os.environ.update(RQ_WORKER_ID=self.name, RQ_JOB_ID=claim.job_id)  # noqa: TID251 - written, not read
        job = self.job_of(claim)
        attempt = attempt_of(job)
        if number == 1:
            attempt.preparations.append(horse_init.run)
        queue = next(queue for queue in self.queues if queue.name == claim.queue)
        # What did not succeed may have left anything half done.
        stays = self.perform_job(job, queue, self.prepare_execution(job)) and number < self.stay.jobs
        stays = stays and attempt.has_ended and not self.stay.is_too_large()
        # A job may have forked this very process.
        if os.getpid() != horse:
            return False
        if stays:
            end(self.mark)
            bury_orphans()
        else:
            logging.shutdown()
        flush()
        if attempt.has_ended:
            line.send_bytes(STAYS if stays else LEAVES)
        return stays

    def kill_horse(self, sig: Any = None) -> None:  # noqa: ARG002 - RQ's signature; SIGTERM would be ignored
        """Kill the horse. RQ's own, with no horse, kills the worker's group."""
        if self.horse_pid:
            super().kill_horse()

    def monitor_work_horse(self, job: RQJob, queue: Queue, execution: Execution) -> None:
        """Wait for the horse; end it when its time is over, when asked to, or when the attempt is no longer ours."""
        job.started_at = now()
        horse = self._at_work
        assert horse is not None
        supervision = Supervision(attempt_of(job).claim, self.claims)
        try:
            cause, status = self._watch(horse, supervision, lambda: self._beat(job, execution))
        finally:
            self._at_work, self._horse_pid = None, 0
            if horse.word == STAYS:
                self._ready = horse
            else:
                # Its word was its last deed: nobody waits while the system takes it apart.
                end(self.mark)
                self._leaving = horse if horse.word else None
                self._expect()
        self.executions.pop(execution.id, None)
        if horse.word:
            self._state = WorkerStatus.IDLE
        elif status != 0 or supervision.is_unfinished():
            if self._stopped_job_id == job.id:
                cause = Cause.STOPPED
            self._settle(job, queue, execution, cause=cause or Cause.DIED, status=status or 0)

    def _watch(
        self, horse: Horse, supervision: Supervision, beat: Callable[[], None]
    ) -> tuple[Cause | None, int | None]:
        # An idle worker's first job has the processors to itself for a moment; else the next horse is forked at once.
        cause, status = None, horse.wait(timeout_s=ALONE_S if self._was_idle else 0)
        if status is None and not horse.word and horse.jobs >= self.stay.jobs and not self.is_stopping:
            self._readied()
        beat_at = time.monotonic() + HEARTBEAT_S
        while status is None and not horse.word:
            cause = cause or supervision.cause_to_end(release_at=self.release_at)
            if cause is not None:
                self.kill_horse()
            status = horse.wait(timeout_s=WATCH_S)
            self.go_round()
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


@cache
def freeze() -> None:
    """Once: the garbage collector would touch, and so copy, all that worker and horses share."""
    gc.collect()
    gc.freeze()


_WORDS = {
    Cause.LOST: "lost",
    Cause.STOPPED: "stopped on request",
    Cause.TIMED_OUT: "timeout",
    Cause.RELEASED: "released",
}
