"""Jobs for the tests beside RQ's own tools: what worker processes import."""

import time
from pathlib import Path
from typing import Any

import msgspec

from pollable import JobError, job_context, job_type, report_progress


class Order(msgspec.Struct):
    number: int = 21
    pause_s: float = 0
    file: str = ""
    size: int = 0


@job_type("double", result_ttl_s=60, failure_ttl_s=60)
def double(order: Order) -> dict[str, Any]:
    """Twice a number, after a pause and with as much text as wanted."""
    report_progress(50, "half of it")
    time.sleep(order.pause_s)
    return {"doubled": order.number * 2, "text": "x" * order.size, "context": dict(job_context().context)}


@job_type("from_file", result_ttl_s=60, failure_ttl_s=60)
def from_file(order: Order) -> str:
    """A file's text; fails where there is none."""
    try:
        return Path(order.file).read_text()
    except FileNotFoundError:
        raise JobError("no_file", "The file is not there yet.") from None


@job_type("fragile", max_attempts=2, failure_ttl_s=60)
def fragile(order: Order) -> None:
    """Never works."""
    raise RuntimeError(f"attempt at {order.number}")


def plainly_doubled(number: int) -> int:
    """What a program that knows nothing of job types enqueues."""
    return number * 2


def plainly_failing(number: int) -> int:
    raise ValueError(f"{number} is too many")
