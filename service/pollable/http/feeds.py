"""Whose jobs changed: for the streams of all that an owner has."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pollable.jobs.changes import Change, Changes

Changed = dict[str | None, None]
"""Ids of jobs in the order in which they changed first; None: perhaps any."""


class Feeds:
    """Collects what changed for each stream, on one subscription for all of them."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._by_owner: dict[str, dict[asyncio.Event, Changed]] = {}
        self._leave: Callable[[], object] = lambda: None

    @contextmanager
    def of(self, owner: str, woken: asyncio.Event) -> Iterator[Changed]:
        """What changed of the owner's jobs, for whoever sees it to take out; `woken` is set when something came."""
        changed: Changed = {}
        if not self._by_owner:
            self._leave = self._changes.subscribe(self._heard)
        self._by_owner.setdefault(owner, {})[woken] = changed
        try:
            yield changed
        finally:
            del self._by_owner[owner][woken]
            if not self._by_owner[owner]:
                del self._by_owner[owner]
            if not self._by_owner:
                self._leave()

    def _heard(self, change: Change | None) -> None:
        if change is None:
            feeds = [feed for owned in self._by_owner.values() for feed in owned.items()]
        else:
            feeds = list(self._by_owner.get(change.owner, {}).items())
        for woken, changed in feeds:
            changed[change and change.job_id] = None
            woken.set()
