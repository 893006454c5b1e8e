"""The jobs that are measured."""

from typing import Annotated

import msgspec

from pollable import job_type


class Order(msgspec.Struct, frozen=True):
    """How many letters."""

    size: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Text(msgspec.Struct, frozen=True):
    """That many."""

    text: str


@job_type("repeat", result_ttl_s=86_400)
def repeat(order: Order) -> Text:
    """As many letters as were ordered."""
    return Text("x" * order.size)
