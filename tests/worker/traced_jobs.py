"""A module of job types whose process sends its spans to a file, as one would set it up for a collector."""

import os
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from pollable import job_type

provider = TracerProvider()
output = Path(os.environ["SPANS"]).open("a")  # noqa: SIM115 - open as long as the process is there
exporter = ConsoleSpanExporter(out=output, formatter=lambda span: span.to_json(indent=None) + "\n")
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
trace.set_tracer_provider(provider)


@job_type("traced")
def traced(how: str) -> str:
    with trace.get_tracer("job").start_as_current_span("within"):
        if how == "killed":
            os.kill(os.getpid(), 9)
    return how
