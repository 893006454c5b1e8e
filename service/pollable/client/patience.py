"""How often, and how long after, something is asked again."""

import random
from collections.abc import Iterator
from time import monotonic
from typing import TypeVar

from pollable.client.answers import answered, content
from pollable.client.errors import ClientError, Refused, Unreachable
from pollable.client.steps import Flow, Pause, Request

T = TypeVar("T")

RETRIES = 2
FIRST_S, GROWTH, MOST_S = 1.0, 1.5, 10.0
# Who is to stay away for longer hears of it.
MOST_BORNE_S = 60.0
PASSING = frozenset((408, 429, 502, 503, 504))
"""Statuses that say: not now. Whoever waits for a job waits through them."""


class Deadline:
    """The end of somebody's patience; without a timeout there is none."""

    def __init__(self, timeout_s: float | None = None) -> None:
        self.timeout_s = float("inf") if timeout_s is None else max(0.0, timeout_s)
        self._at = monotonic() + self.timeout_s

    @property
    def left_s(self) -> float:
        return max(0.0, self._at - monotonic())


def pauses() -> Iterator[float]:
    """1 s, then half as much again each time, up to 10 s; each up to a quarter less, so that callers spread."""
    pause_s = FIRST_S
    while True:
        yield pause_s * random.uniform(0.75, 1.0)  # noqa: S311 - no secret
        pause_s = min(pause_s * GROWTH, MOST_S)


def pause_after(retry_after_s: float | None, rhythm: Iterator[float]) -> float:
    """What was asked for, and up to a tenth more, so that callers spread; else as the rhythm has it."""
    return next(rhythm) if retry_after_s is None else retry_after_s * random.uniform(1.0, 1.1)  # noqa: S311 - no secret


def passes(error: ClientError) -> bool:
    """Whether it is over sooner or later, with nothing done about it."""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.status in PASSING)


def is_worth_a_try(error: ClientError) -> bool:
    """Whether the same request may fare better."""
    return passes(error) or (isinstance(error, Refused) and error.status >= 500)


def exchanged(request: Request, *, of: type[T], deadline: Deadline | None = None) -> Flow[T]:
    """What the service answers, asked up to three times; the request must bear that."""
    rhythm = pauses()
    for failures in range(RETRIES + 1):
        reply = yield request
        try:
            return content(answered(reply), of=of)
        except (Refused, Unreachable) as error:
            pause_s = pause_after(error.retry_after_s, rhythm)
            borne_s = min(MOST_BORNE_S, deadline.left_s) if deadline else MOST_BORNE_S
            if failures == RETRIES or not is_worth_a_try(error) or pause_s > borne_s:
                raise
        yield Pause(pause_s)
    raise AssertionError  # The last time it is raised or returned.
