"""Job types for the page under test: one with every kind of field, and jobs that show what a job can come to."""

import time
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pollable import JobError, job_type, report_progress


class Line(msgspec.Struct):
    """One line of an order."""

    article: Annotated[str, Meta(max_length=40)]
    pieces: Annotated[int, Meta(ge=1, le=100)] = 1


class Order(msgspec.Struct, forbid_unknown_fields=True):
    customer: Annotated[str, Meta(min_length=2, description="Who is to have it.")]
    lines: Annotated[list[Line], Meta(min_length=1)]
    express: bool = False
    paper: Literal["plain", "glossy"] = "plain"
    discount: Annotated[float, Meta(ge=0, le=1)] | None = None
    notes: dict[str, str] = {}


@job_type
def print_order(order: Order) -> dict[str, Any]:
    """Print an order."""
    return {"ordered": msgspec.to_builtins(order), "pages": 12345678901234567890, "price": 0.1}


@job_type(max_attempts=1)
def breaks(message: str) -> None:
    """Fail with that message."""
    raise JobError("broken", message)


@job_type
def echo(text: str) -> str:
    """Give it back."""
    return text


@job_type
def counts(seconds: float) -> str:
    """Count for that long, and say how far it is."""
    steps = max(1, int(seconds * 10))
    for step in range(steps):
        report_progress(100 * step / steps, f"step {step}")
        time.sleep(0.1)
    return "done"


class Place(msgspec.Struct):
    city: str


@job_type(submit="/shops/{shop}/visits", envelope="native")
def visit(place: Place) -> str:
    """Visit a shop, whose name is in the path."""
    return place.city
