"""Refusals at a pace: a flood of them leaves time for everybody else."""

import asyncio
from time import monotonic

PACE_S = 0.005
"""One caller is refused one request after another, so long apart."""
MOST_S = 1.0
"""No refusal waits for longer."""
MAX_REMEMBERED = 10_000


class Pace:
    """When each caller may be refused next. A single refusal waits for nothing."""

    def __init__(self) -> None:
        self._refused_at: dict[str, float] = {}

    async def pause(self, caller: str) -> None:
        """Return when it is the turn of this refusal."""
        now = monotonic()
        at = min(max(self._refused_at.pop(caller, 0.0) + PACE_S, now), now + MOST_S)
        if len(self._refused_at) >= MAX_REMEMBERED:
            del self._refused_at[next(iter(self._refused_at))]
        self._refused_at[caller] = at
        await asyncio.sleep(at - now)
