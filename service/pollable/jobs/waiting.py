"""Who waits for a job: woken when it changes, and now and then to look."""

import asyncio
from asyncio import Event
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TypeVar

from pollable.errors import StoreUnavailable
from pollable.ids import parse_id
from pollable.jobs.changes import Change, Changes

T = TypeVar("T")

LOOK_S = 2.0
LOOKS_AT_ONCE = 1024
"""So many of those who wait are woken each `LOOK_S` to look for themselves, in turn."""


class Waiting:
    """All who wait in this process: `most` at a time, and `most_of_owner` of each owner.

    Messages that are lost, and changes of other code's jobs, of which there are none, are only late.
    """

    def __init__(self, changes: Changes, *, most: int, most_of_owner: int) -> None:
        self._changes = changes
        self._most, self._most_of_owner = most, most_of_owner
        # In the order in which they look; and by what they wait for, and by whose they are.
        self._all: dict[Event, None] = {}
        self._by: defaultdict[tuple[str, str], set[Event]] = defaultdict(set)
        self.is_over = False

    def __len__(self) -> int:
        return len(self._all)

    @contextmanager
    def place(self, job_id: str, *, owner: str) -> Iterator[Event | None]:
        """A place of `owner`, which is set when something happens to the job; None where there is none left."""
        woken, keys = Event(), (("job", parse_id(job_id.strip()) or job_id), ("owner", owner))
        if self.is_over or len(self._all) >= self._most or len(self._by.get(keys[1], ())) >= self._most_of_owner:
            yield None
            return
        if not self._all:
            self._leave = self._changes.subscribe(self._heard)
            self._looking = asyncio.create_task(self._look())
        self._all[woken] = None
        for key in keys:
            self._by[key].add(woken)
        try:
            yield woken
        finally:
            del self._all[woken]
            for key in keys:
                self._by[key].discard(woken)
                if not self._by[key]:
                    del self._by[key]
            if not self._all:
                self._leave()
                self._looking.cancel()

    async def until(
        self, woken: Event, look: Callable[[], Awaitable[T]], *, is_enough: Callable[[T], bool], wait_s: float
    ) -> T:
        """What `look` sees once something happened and it is enough, or the time is up, or all this is over.

        Raises what `look` does, but `StoreUnavailable` only at the end.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not self.is_over:
                    await woken.wait()
                    woken.clear()
                    with suppress(StoreUnavailable):
                        # Kept by none of the thousands who wait.
                        if is_enough(seen := await look()):
                            return seen
                        del seen
        return await look()

    def close(self) -> None:
        """Nobody waits any longer: all are answered with what is so now."""
        self.is_over = True
        self._wake(self._all)

    def _heard(self, change: Change | None) -> None:
        self._wake(self._all if change is None else self._by.get(("job", change.job_id), ()))

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            in_turn = list(islice(self._all, LOOKS_AT_ONCE))
            for woken in in_turn:
                self._all[woken] = self._all.pop(woken)
            self._wake(in_turn)

    def _wake(self, places: Iterable[Event]) -> None:
        for woken in places:
            woken.set()
