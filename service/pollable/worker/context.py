"""What a running job can know of itself, from whichever of its threads it asks."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from weakref import WeakSet

import msgspec

if TYPE_CHECKING:
    from pollable.worker.progress import Reporter


class JobContext(msgspec.Struct, frozen=True, kw_only=True):
    """The running job, as it may be told of itself.

    `attempt` counts from 1; `deadline` is the end of this attempt by its timeout, UTC; `context` are the path
    parameters of the route by which the job was submitted, `labels` what its submitter finds it by. `request_id` is the
    X-Request-ID of the submit, `traceparent` its W3C trace context (empty without one), for what the job itself asks.
    Outside a worker it is the context of no job: empty texts, first attempt of one, no deadline.
    """

    id: str = ""
    type: str = ""
    queue: str = ""
    owner: str = ""
    attempt: int = 1
    max_attempts: int = 1
    deadline: datetime | None = None
    context: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    request_id: str = ""
    traceparent: str = ""


@dataclass(frozen=True)
class _Running:
    """The attempt that this process runs; the threads that were there before it are not its own."""

    reporter: "Reporter"
    context: JobContext
    fields: Mapping[str, object]
    strangers: WeakSet[threading.Thread]


# A process runs one job at a time. A ContextVar would not reach the threads that the job starts.
_running: _Running | None = None


@contextmanager
def begun(context: JobContext, *, reporter: "Reporter", fields: Mapping[str, object] | None = None) -> Iterator[None]:
    """For the length of the block this thread, and every thread that is started meanwhile, runs the job.

    `fields` are those of every line that it logs.
    """
    global _running
    strangers = WeakSet(thread for thread in threading.enumerate() if thread is not threading.current_thread())
    before, _running = _running, _Running(reporter, context, fields or {}, strangers)
    try:
        yield
    finally:
        _running = before


def report_progress(percent: float, message: str = "") -> None:
    """Say how far the running job is: 0 to 100, and a word on what it does now (at most 500 characters are kept).

    It never fails the job: what is no number leaves the percentage as it was. Outside a worker this does nothing, so
    that a job function can be called and tested as it is.
    """
    running = _of_this_thread()
    if running is not None:
        running.reporter.report(percent, message)


def job_context() -> JobContext:
    """The running job's id, type, owner, attempt, deadline and path parameters."""
    running = _of_this_thread()
    return running.context if running is not None else JobContext()


def fields_of_job() -> Mapping[str, object]:
    """What every line has that this thread logs: of the job that it runs, or nothing."""
    running = _of_this_thread()
    return running.fields if running is not None else {}


def _of_this_thread() -> _Running | None:
    running = _running
    return None if running is None or threading.current_thread() in running.strangers else running
