"""A span for each submit, where OpenTelemetry is installed and a provider is set; the job's record carries its context.

Names and attributes are those of the messaging conventions (semantic conventions 1.4x, in development): the operation
and the queue, `rq` as the system.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pollable.errors import ServiceError
from pollable.jobs.changing import Accepted, JobWriter, Submission
from pollable.lines import Origin, origin

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def is_wanted() -> bool:
    """Whether anybody takes spans in this process."""
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def attributes(operation: str, *, queue: str, job_type: str) -> dict[str, Any]:
    """What both sides say."""
    return {
        "messaging.system": "rq",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": queue,
        "pollable.job.type": job_type,
    }


def context_of(traceparent: str) -> Any:
    """The context of which the header tells (W3C Trace Context); an empty one where it tells of none."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def blame(span: "Span", error: BaseException) -> None:
    """The span has failed: by the error's own code, else by its class; its words may quote a payload."""
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", getattr(error, "code", "") or type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR))


class TracedWriter(JobWriter):
    """Submits within a PRODUCER span."""

    async def submit(self, submission: Submission) -> Accepted:
        if not is_wanted():
            return await super().submit(submission)
        queue = submission.queue or submission.type.queue or self._settings.default_queue
        with _sending(queue, submission.type.name) as span:
            accepted = await super().submit(submission)
            span.set_attribute("messaging.message.id", accepted.job.id)
            return accepted


@contextmanager
def _sending(queue: str, job_type: str) -> Iterator["Span"]:
    from opentelemetry import trace

    asked = origin.get()
    # What traces requests in this process knows better than the header.
    parent = None if trace.get_current_span().get_span_context().is_valid else context_of(asked.traceparent)
    with trace.get_tracer("pollable").start_as_current_span(
        f"send {queue}",
        context=parent,
        kind=trace.SpanKind.PRODUCER,
        attributes=attributes("send", queue=queue, job_type=job_type),
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        made = span.get_span_context()
        stored = f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}"
        before = origin.set(Origin(asked.request_id, stored))
        try:
            yield span
        except ServiceError as refusal:
            blame(span, refusal)
            raise
        finally:
            origin.reset(before)


def writer_class() -> type[JobWriter]:
    """Who submits: the plain one where the extra `tracing` is not installed."""
    return TracedWriter if find_spec("opentelemetry") else JobWriter
