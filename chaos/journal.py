"""The side Redis: jobs log every start and end there, where no fault of the Redis under test can reach."""

import os
import time
from functools import cache

import msgspec
from redis import Redis

SIDE = "CHAOS_SIDE"
"""The variable that tells a job where the side Redis is."""
LIST = "journal"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What one attempt told. `pid` ran the job, `parent_pid` is its worker; `at` is seconds since the epoch."""

    event: str
    job_id: str
    attempt: int
    pid: int
    parent_pid: int
    at: float


def note(event: str, job_id: str, attempt: int = 0) -> None:
    """Called by a running job."""
    tell(Entry(event, job_id, attempt, os.getpid(), os.getppid(), time.time()))


def tell(entry: Entry) -> None:
    """As it is."""
    _side(os.getpid()).rpush(LIST, msgspec.json.encode(entry))


# By process: a forked one must not write into its parent's connection.
@cache
def _side(_pid: int) -> Redis:
    return Redis.from_url(os.environ[SIDE])


class Journal:
    """The oracle's side."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis = Redis.from_url(url)
        self._read: list[Entry] = []

    def entries(self) -> list[Entry]:
        """Everything so far, in the order in which it came."""
        new: list[bytes] = self._redis.lrange(LIST, len(self._read), -1)  # type: ignore[assignment]  # redis' union
        self._read += [msgspec.json.decode(line, type=Entry) for line in new]
        return list(self._read)

    def of(self, job_id: str, event: str = "start") -> list[Entry]:
        """One job's."""
        return [entry for entry in self.entries() if entry.job_id == job_id and entry.event == event]

    def close(self) -> None:
        self._redis.close()
