"""A span for each attempt, where OpenTelemetry is installed and a provider is set: linked to the submit's.

An attempt whose process ended before its span is told of by the parent, once it knows what became of it.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pollable.worker.claims import Claim, Outcome

try:
    from opentelemetry import trace

    from pollable.jobs import tracing
except ImportError:
    _is_installed = False
else:
    _is_installed = True

SOON_MS = 2_000
"""So long a horse waits at its end for its span to be sent."""

# The attempt that had a span last in this process.
_told: str = ""


@contextmanager
def running(claim: "Claim") -> Iterator[None]:
    """A CONSUMER span around the attempt, which what the job calls itself belongs to."""
    global _told
    if sentry := sys.modules.get("sentry_sdk"):
        # Its integration for RQ names every job after `execution.run`.
        sentry.get_current_scope().set_transaction_name(claim.type, source="task")
    if not _is_installed or not tracing.is_wanted():
        yield
        return
    _told = claim.token
    span = _begin(claim)
    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield
    except BaseException as error:
        tracing.blame(span, error)
        raise
    finally:
        span.end()


def settled(claim: "Claim", outcome: "Outcome") -> None:
    """The attempt is over. If it failed and had no span in this process, that of its own process was lost."""
    if not _is_installed or not tracing.is_wanted():
        return
    if claim.token == _told:
        # A horse ends without the interpreter's own end, at which spans are sent.
        flush: Any = getattr(trace.get_tracer_provider(), "force_flush", None)
        if flush is not None:
            flush(SOON_MS)
    elif outcome.code and outcome.error is None:
        lasted_ns = int((time.monotonic() - claim.began_at) * 1e9)
        span = _begin(claim, start_time=time.time_ns() - lasted_ns)
        span.set_attribute("error.type", outcome.code)
        span.set_status(trace.Status(trace.StatusCode.ERROR))
        span.end()


def _begin(claim: "Claim", **options: Any) -> "trace.Span":
    submitted = tracing.context_of(claim.traceparent)
    sent = trace.get_current_span(submitted).get_span_context()
    known = tracing.attributes("process", queue=claim.queue, job_type=claim.type)
    return trace.get_tracer("pollable").start_span(
        f"process {claim.queue}",
        context=submitted,
        kind=trace.SpanKind.CONSUMER,
        attributes={**known, "messaging.message.id": claim.job_id, "pollable.job.attempt": claim.attempt},
        links=[trace.Link(sent)] if sent.is_valid else [],
        **options,
    )
