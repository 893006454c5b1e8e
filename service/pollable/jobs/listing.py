"""Lists of jobs, an owner's or everyone's, page by page. A page is a few calls of `list.lua`, each for a hundred."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from redis.asyncio import Redis

from pollable.errors import InvalidParameter, RecordDamaged
from pollable.jobs.reading import RECORD_FIELDS, record_job
from pollable.model import Job, State
from pollable.storage import keys
from pollable.storage.batch import BatchedScript

log = logging.getLogger("pollable.jobs")

CURSOR = re.compile(r"([0-9]{1,15})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""Milliseconds since the Unix epoch and an id: the last job that was looked at for a page."""

CALLS = 5
"""What a page may cost."""


class JobPage(msgspec.Struct, frozen=True):
    """Part of a list, perhaps empty, and where the next part begins (None at the end)."""

    jobs: list[Job]
    cursor: str | None


class JobLister:
    """Walks the index of an owner's jobs, for each owner by one call at a time."""

    def __init__(self, redis: "Redis", *, script: type[BatchedScript] = BatchedScript) -> None:
        self._redis, self._script = redis, script
        self._scripts: WeakValueDictionary[str, BatchedScript] = WeakValueDictionary()

    async def page(
        self,
        *,
        owner: str | None,
        states: frozenset[State] = frozenset(),
        types: frozenset[str] = frozenset(),
        labels: Mapping[str, str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """The owner's jobs, or everyone's (None), newest first.

        A page begins after the job that its cursor names, whatever came since.

        Raises `InvalidParameter` for a cursor that no page gave, `RecordDamaged` and `StoreUnavailable`.
        """
        if owner == "":
            # Jobs of other code have none, and are in no list.
            return JobPage([], None)
        whose = owner or ""
        asked = {"states": dict.fromkeys(states, True), "types": dict.fromkeys(types, True), "labels": labels or {}}
        place, encoded, jobs = _place(cursor), msgspec.json.encode(asked), list[Job]()
        head = (keys.PREFIX, keys.RQ_PREFIX, " ".join(RECORD_FIELDS))
        script = self._scripts.setdefault(whose, self._script(self._redis, "list", head=head, most=1))
        for _ in range(CALLS):
            created_at, last, *found = await _asked(script, whose, (limit - len(jobs), *place, encoded))
            place = created_at, last
            jobs += _jobs(found)
            if not last or len(jobs) >= limit:
                break
        return JobPage(jobs, f"{int(created_at)}_{last.decode()}" if last else None)


async def _asked(script: BatchedScript, owner: str, wanted: tuple[str | bytes | int, ...]) -> Sequence[Any]:
    reply: Sequence[Any] = await script.ask((owner, *wanted))
    if len(reply) == 1:
        log.error("the list of owner %s is damaged: %s is no sorted set", owner, keys.owner(owner))
        raise RecordDamaged("The list of your jobs is damaged; the log says how. Each job is still read by its id.")
    return reply


def _jobs(found: Sequence[Any]) -> Iterator[Job]:
    for job_id, row in zip(found[::2], found[1::2], strict=True):
        try:
            yield record_job(job_id.decode(), row)
        except RecordDamaged:
            # It is in the log by now, and stops no other.
            continue


def _place(cursor: str | None) -> tuple[str | bytes, str | bytes]:
    if cursor is None:
        return "", ""
    place = CURSOR.fullmatch(cursor)
    if place is None:
        raise InvalidParameter("The cursor is not one that a page of this list gave.")
    return place[1], place[2]
