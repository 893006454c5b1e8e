"""One attempt: claim, run, encode, complete. `run` is the only function that RQ is ever asked to call."""

import asyncio
import json
import logging
import signal
import threading
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec
from rq import get_current_job
from rq.job import Job as RQJob
from rq.timeouts import JobTimeoutException

from service import catalog as catalogs
from service.catalog import Catalog
from service.errors import UnknownJobType
from service.fence import Claim, Fence, Outcome, Refusal, Verdict
from service.progress import MESSAGE_LENGTH, JobError, Reporter, Running, current
from service.redisconnection import UNAVAILABLE
from service.settings import Settings, from_environment

log = logging.getLogger("pollable.worker")

RQ_RESULT_BYTES = 4096
"""A larger result is kept in the record alone; RQ's own result is then a note of its size."""


class Workshop(msgspec.Struct, frozen=True):
    """What every attempt of this process needs."""

    settings: Settings
    catalog: Catalog


class NotOurs(Exception):
    """The attempt was refused: the job has ended, or another worker has it."""


class ResultRefused(Exception):
    """The function's result cannot be an answer. `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


_prepared: list[Workshop] = []


def prepare(workshop: Workshop) -> None:
    """Set what `run` uses, before forking. Without it `run` reads the environment itself, as under `rq worker`."""
    _prepared[:] = [workshop]


def run() -> Any:
    """Run the current RQ job's next attempt and end it in the record; what it raises or returns is for RQ to show."""
    rq_job = get_current_job()
    if rq_job is None:
        raise RuntimeError("service.execution.run is what RQ calls; submit jobs over HTTP instead.")
    workshop = _workshop()
    fence = Fence(rq_job.connection, lease_s=workshop.settings.lease_s)
    claim = getattr(rq_job, "claim", None)
    if claim is not None:
        return _attempt(rq_job, claim, fence=fence, workshop=workshop)
    own_claim = _claimed(rq_job, fence)
    with kept(own_claim, fence):
        return _attempt(rq_job, own_claim, fence=fence, workshop=workshop)


def _attempt(rq_job: RQJob, claim: Claim, *, fence: Fence, workshop: Workshop) -> Any:
    try:
        encoded = _answer(claim, fence=fence, workshop=workshop)
    except BaseException as error:
        follow(rq_job, fence.complete(claim, failure(error, claim, workshop=workshop)))
        raise
    follow(rq_job, fence.complete(claim, Outcome(kind="succeeded", result=encoded)))
    return msgspec.json.decode(encoded) if len(encoded) <= RQ_RESULT_BYTES else {"result_bytes": len(encoded)}


def _answer(claim: Claim, *, fence: Fence, workshop: Workshop) -> bytes:
    try:
        return encode(_call(claim, fence=fence, workshop=workshop), most_bytes=workshop.settings.max_result_bytes)
    finally:
        # RQ's timeout is over with the job: in the middle of writing the outcome it would lose it.
        signal.alarm(0)


def _call(claim: Claim, *, fence: Fence, workshop: Workshop) -> Any:
    job_type = workshop.catalog.get(claim.type)
    payload = job_type.decode(claim.payload)
    reporter = Reporter(lambda percent, message: _send_progress(fence, claim, percent, message))
    running = current.set(Running(reporter, msgspec.json.decode(claim.context)))
    try:
        result = job_type.function(payload)
        return asyncio.run(result) if asyncio.iscoroutine(result) else result
    finally:
        current.reset(running)
        reporter.close()


def encode(result: Any, *, most_bytes: int) -> bytes:
    """A result as JSON bytes. Raises `ResultRefused` for what is no JSON (RFC 8259), too deep or too large."""
    try:
        text = json.dumps(result, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        encoded = text.encode()
        # As deep as the reader of the answer can follow, too.
        msgspec.json.decode(encoded)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultRefused("result_unserializable", f"The result is not JSON: {reason}"[:MESSAGE_LENGTH]) from error
    if len(encoded) > most_bytes:
        message = f"The result has {len(encoded)} bytes; {most_bytes} are allowed."
        raise ResultRefused("result_too_large", message)
    return encoded


def failure(error: BaseException, claim: Claim, *, workshop: Workshop) -> Outcome:
    """The outcome of an attempt that raised."""
    code, message, may_retry = _told(error, claim, expose=workshop.settings.expose_errors)
    # A lone surrogate is no UTF-8 and could not be stored.
    safe = message.encode(errors="replace").decode()
    return Outcome(kind="failed", code=code, message=safe, may_retry=may_retry, delay_s=retry_delay_s(claim, workshop))


def retry_delay_s(claim: Claim, workshop: Workshop) -> int:
    """Seconds before another attempt; none where this process does not know the type."""
    try:
        return workshop.catalog.get(claim.type).retry_delay_s(claim.attempt)
    except UnknownJobType:
        return 0


def follow(rq_job: RQJob, verdict: Verdict) -> None:
    """Make RQ's own bookkeeping, which comes next, do what the record says."""
    rq_job.retries_left = verdict.attempts_left if verdict.kind == "retry" else 0
    rq_job.retry_intervals = [verdict.delay_s]
    if verdict.kind == "refused":
        rq_job.is_fenced_off = True  # type: ignore[attr-defined]  # ours under worker.py; RQ's own Job carries it unread


def _told(error: BaseException, claim: Claim, *, expose: bool) -> tuple[str, str, bool]:
    if isinstance(error, JobError):
        return error.code, _first_line(error), True
    if isinstance(error, ResultRefused):
        return error.code, _first_line(error), False
    if isinstance(error, JobTimeoutException):
        return "timeout", f"The job ran longer than {claim.timeout_s} s.", True
    if isinstance(error, MemoryError):
        return "out_of_memory", "The job ran out of memory.", True
    return "exception", _first_line(error) if expose else "The job failed.", True


def _first_line(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    return (lines[0] if lines else type(error).__name__)[:MESSAGE_LENGTH]


def _plain(value: Any) -> Any:
    if isinstance(value, Set | bytes | bytearray | memoryview):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return msgspec.to_builtins(value)


def _send_progress(fence: Fence, claim: Claim, percent: int, message: str) -> None:
    try:
        fence.renew(claim, percent, message)
    except UNAVAILABLE:
        # Progress is news: what could not be sent now is out of date when Redis is back.
        log.debug("progress of job %s could not be sent", claim.job_id)


def _claimed(rq_job: RQJob, fence: Fence) -> Claim:
    claim = fence.claim(rq_job.id)
    if isinstance(claim, Refusal):
        rq_job.retries_left = 0
        raise NotOurs(f"The job is {claim.state}; this attempt does not run.")
    return claim


@contextmanager
def kept(claim: Claim, fence: Fence) -> Iterator[None]:
    """Renew the lease from a thread, where no parent process does: under a plain `rq worker`, in a simple worker."""
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(claim, fence, over), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=1)


def _keep(claim: Claim, fence: Fence, over: threading.Event) -> None:
    while not over.wait(fence.lease_s / 3):
        try:
            fence.renew(claim)
        except UNAVAILABLE:
            log.warning("the lease of job %s could not be renewed", claim.job_id)


@cache
def _from_environment() -> Workshop:
    settings = from_environment()
    return Workshop(settings, catalogs.load(settings.jobs))


def _workshop() -> Workshop:
    return _prepared[0] if _prepared else _from_environment()
