"""One attempt: run the function, encode what it returned, complete the record."""

import asyncio
import inspect
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from rq.job import Job as RQJob

from pollable.catalog import Catalog
from pollable.settings import Settings
from pollable.storage.connection import tolerated
from pollable.worker import failures, told, tracing
from pollable.worker.claims import Claim, Claims, Ending, Outcome, Progress, Reception, Settlement, shown_in_rq
from pollable.worker.context import JobContext, begun
from pollable.worker.encoding import encode
from pollable.worker.progress import Reporter


class Workshop(msgspec.Struct, frozen=True):
    """What every attempt of this process needs."""

    settings: Settings
    catalog: Catalog

    @property
    def types(self) -> list[str]:
        """The names of the job types that it can run."""
        return [job_type.name for job_type in self.catalog]


class Attempt:
    """A claim that is being worked on, and what the record made of its outcome."""

    def __init__(self, claim: Claim, *, claims: Claims, workshop: Workshop) -> None:
        self.claim = claim
        self._claims = claims
        self._workshop = workshop
        self.preparations: list[Callable[[], object]] = []
        self.settlement = Settlement(Reception.AWAITED)

    @property
    def is_fenced_off(self) -> bool:
        """Whether it came too late: another attempt is the current one, or the job has ended."""
        return self.settlement.kind is Reception.REFUSED

    @property
    def has_ended(self) -> bool:
        """Whether the record says so, and RQ's note of the worker."""
        return self.settlement.kind not in (Reception.AWAITED, Reception.REFUSED)

    def run(self, rq_job: RQJob) -> Any:
        """Run the function and end the attempt in the record; what this raises or returns is for RQ to show."""
        settings, catalog = self._workshop.settings, self._workshop.catalog
        try:
            with tracing.running(self.claim):
                encoded = self._answer()
        except BaseException as error:
            expose, traced = settings.expose_errors, settings.log_tracebacks
            outcome = failures.raised(error, self.claim, catalog=catalog, expose=expose, traced=traced)
            self.settle(rq_job, outcome)
            raise failures.AttemptFailed(outcome, error) from None
        self.settle(rq_job, Outcome(kind=Ending.SUCCEEDED, result=encoded))
        return msgspec.json.decode(shown_in_rq(encoded))

    def settle(self, rq_job: RQJob, outcome: Outcome, *, is_patient: bool = True) -> Settlement:
        """End the attempt in the record, and make RQ's bookkeeping, which comes next, do what the record says.

        Raises what `Claims.complete` raises, which also says what `is_patient` is.
        """
        return self._follow(rq_job, self._claims.complete(self.claim, outcome, is_patient=is_patient))

    def lose(self, rq_job: RQJob) -> Settlement:
        """The record has said already that the attempt is no longer the current one."""
        settlement = Settlement(Reception.REFUSED, "no longer ours")
        told.settled(self.claim, Outcome(kind=Ending.RELEASED), settlement)
        return self._follow(rq_job, settlement)

    def _follow(self, rq_job: RQJob, settlement: Settlement) -> Settlement:
        rq_job.retries_left = settlement.attempts_left
        rq_job.retry_intervals = [settlement.delay_s]
        self.settlement = settlement
        return settlement

    def _answer(self) -> bytes:
        job_type = self._workshop.catalog.get(self.claim.type)
        most_bytes = self._workshop.settings.max_result_bytes
        try:
            for prepare in self.preparations:
                prepare()
            result = self._call(job_type.function, job_type.decode(self.claim.payload))
            return encode(result, most_bytes=most_bytes, result_type=job_type.result_type)
        finally:
            # RQ's timeout is over with the job: in the middle of writing the outcome it would lose it.
            signal.alarm(0)

    def _call(self, function: Callable[..., Any], payload: Any) -> Any:
        reporter = Reporter(self._send)
        try:
            with begun(_context_of(self.claim), reporter=reporter, fields=told.fields_of(self.claim)):
                result = function(payload)
                if _is_async(function) and inspect.iscoroutine(result):
                    result = asyncio.run(result)
        except BaseException:
            reporter.close(has_failed=True)
            raise
        reporter.close()
        return result

    def _send(self, progress: Progress) -> None:
        # Progress is news: what could not be sent now is out of date when Redis is back.
        with tolerated(f"the progress of job {self.claim.job_id}"):
            self._claims.renew(self.claim, progress=progress)


def _is_async(function: Callable[..., Any]) -> bool:
    # What it declares counts: a generator that a plain function returns is no coroutine, whatever asyncio says of it.
    return inspect.iscoroutinefunction(inspect.unwrap(function))


def _context_of(claim: Claim) -> JobContext:
    return JobContext(
        id=claim.job_id,
        type=claim.type,
        queue=claim.queue,
        owner=claim.owner,
        attempt=claim.attempt,
        max_attempts=claim.max_attempts,
        deadline=datetime.now(UTC) + timedelta(seconds=claim.timeout_s),
        context=msgspec.json.decode(claim.context),
        labels=msgspec.json.decode(claim.labels),
        request_id=claim.request_id,
        traceparent=claim.traceparent,
    )
