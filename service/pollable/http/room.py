"""The connections of one process: no more than there is room for, the oldest idle one gives way."""

import logging
import time
from typing import Any

log = logging.getLogger("pollable.http")

TELL_S = 60.0


class Room:
    """Has room for `size` connections, which have a method `give_way`: close, while nothing is being answered."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._guests: set[Any] = set()
        # Those on which nothing happens, the longest so first.
        self._idle: dict[Any, None] = {}
        self._closed = self._refused = 0
        self._tell_at = 0.0

    def enter(self, guest: Any) -> bool:
        """Whether there is room for a new connection, or some could be made."""
        if len(self._guests) >= self._size:
            oldest = next(iter(self._idle), None)
            self._tell(is_refused=oldest is None)
            if oldest is None:
                return False
            self.leave(oldest)
            oldest.give_way()
        self._guests.add(guest)
        self._idle[guest] = None
        return True

    def leave(self, guest: Any) -> None:
        """It is closed."""
        self._guests.discard(guest)
        self.stir(guest)

    def stir(self, guest: Any) -> None:
        """Something has come on it."""
        self._idle.pop(guest, None)

    def rest(self, guest: Any) -> None:
        """All that came on it is answered."""
        if guest in self._guests:
            self._idle[guest] = None

    def _tell(self, *, is_refused: bool) -> None:
        self._refused += is_refused
        self._closed += not is_refused
        if time.monotonic() >= self._tell_at:
            self._tell_at = time.monotonic() + TELL_S
            said = "connections: all %d are in use (POLLABLE_MAX_CONNECTIONS); idle ones closed: %d, refused: %d"
            log.warning(said, self._size, self._closed, self._refused)
            self._closed = self._refused = 0
