"""What one connection may send, and how long it may take; how many there may be."""

import contextlib
import resource
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pollable.settings import Settings

MOST_CONNECTIONS = 20_000
"""Where descriptors allow more, memory decides: an idle connection has some 10 kB."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds."""

    head_bytes: int = 32_768
    """A request's head; also what surrounds a body: sizes of chunks, trailers."""
    head_s: float = 10.0
    """In which a head has come; so often, too, a body's rate is looked at."""
    body_s: float = 300.0
    body_rate: int = 1_000
    """The least bytes a second."""
    unread_s: float = 30.0
    """In which a client reads something of its answer."""
    connections: int = MOST_CONNECTIONS


def limits_of(settings: "Settings") -> Limits:
    """Those of a process that has the descriptors to itself, of which it is allowed as many as may be."""
    return Limits(
        body_s=settings.body_s,
        body_rate=settings.body_rate,
        connections=min(settings.max_connections or MOST_CONNECTIONS, _spare_descriptors()),
    )


def waiters_of(settings: "Settings") -> int:
    """How many may wait in a process: the others' connections are left to those who do not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = min(settings.max_connections or MOST_CONNECTIONS, _spare(hard))
    return min(settings.max_waiters, connections * 3 // 4)


def _spare_descriptors() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS has a lower limit than the one that it names.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return _spare(soft)


def _spare(limit: int) -> int:
    if limit == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    # Connections to Redis, files, and those that are accepted in the moment in which others are closed for them.
    return max(1, limit - max(128, limit // 8))
