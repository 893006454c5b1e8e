"""When processes that die as soon as they start are not worth another try."""

import signal
import time

YOUNG_S = 5.0
MOST = 5
# Somebody ended it, or the kernel for its memory: that says nothing of the next one.
FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)


class EarlyDeaths:
    """Those in a row."""

    def __init__(self) -> None:
        self._born: dict[int | None, float] = {}
        self._count = 0

    def born(self, pid: int | None) -> None:
        """It was started just now."""
        self._born[pid] = time.monotonic()

    def are_too_many(self, pid: int | None, exit_code: int, *, has_begun: bool = True) -> bool:
        """Whether this death is one of several by which processes can be known to die at their start.

        `has_begun` is False for one that had not come to its work, however long it took.
        """
        age_s = time.monotonic() - self._born.pop(pid, 0.0)
        is_young = age_s < YOUNG_S or not has_begun
        if exit_code not in FROM_OUTSIDE:
            self._count = self._count + 1 if is_young else 0
        return self._count >= MOST
