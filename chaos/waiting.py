"""Waiting for what must come, with a deadline."""

import time
from collections.abc import Callable


class NotInTime(Exception):
    """What had to come did not."""


def until(condition: Callable[[], object], *, within_s: float, what: str, every_s: float = 0.02) -> float:
    """Seconds that it took until the condition held. Raises `NotInTime`."""
    began_at = time.monotonic()
    while not condition():
        if time.monotonic() - began_at > within_s:
            raise NotInTime(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - began_at
