"""An owner's list of jobs, page by page. A page is one call of `list.lua`, which looks at so many jobs and no more."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from pollable.errors import InvalidParameter, RecordDamaged
from pollable.jobs.reading import RECORD_FIELDS, record_job
from pollable.model import Job, State
from pollable.storage import keys
from pollable.storage.connection import store_errors
from pollable.storage.scripts import source

log = logging.getLogger("pollable.jobs")

CURSOR = re.compile(r"([0-9]{1,15})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""Milliseconds since the Unix epoch and an id: the last job that was looked at for a page."""


class JobPage(msgspec.Struct, frozen=True):
    """Part of a list, perhaps empty, and where the next part begins (None at the end)."""

    jobs: list[Job]
    cursor: str | None


class JobLister:
    """Walks the index of an owner's jobs."""

    def __init__(self, redis: "Redis") -> None:
        self._script = redis.register_script(source("list"))

    async def page(
        self,
        *,
        owner: str,
        states: frozenset[State] = frozenset(),
        types: frozenset[str] = frozenset(),
        labels: Mapping[str, str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """The owner's jobs, newest first. A page begins after the job that its cursor names, whatever came since.

        Raises `InvalidParameter` for a cursor that no page gave, `RecordDamaged` and `StoreUnavailable`.
        """
        asked = {"states": dict.fromkeys(states, True), "types": dict.fromkeys(types, True), "labels": labels or {}}
        wanted = (" ".join(RECORD_FIELDS), owner, limit, *_place(cursor), msgspec.json.encode(asked))
        with store_errors():
            reply: Any = await self._script(args=[keys.PREFIX, keys.RQ_PREFIX, *wanted])
        if len(reply) == 1:
            log.error("the list of owner %s is damaged: %s is no sorted set", owner, keys.owner(owner))
            raise RecordDamaged("The list of your jobs is damaged; the log says how. Each job is still read by its id.")
        created_at, last, *found = reply
        return JobPage(list(_jobs(found)), f"{int(created_at)}_{last.decode()}" if last else None)


def _jobs(found: Sequence[Any]) -> Iterator[Job]:
    for job_id, row in zip(found[::2], found[1::2], strict=True):
        try:
            yield record_job(job_id.decode(), row)
        except RecordDamaged:
            # It is in the log by now, and stops no other.
            continue


def _place(cursor: str | None) -> tuple[str, str]:
    if cursor is None:
        return "", ""
    place = CURSOR.fullmatch(cursor)
    if place is None:
        raise InvalidParameter("The cursor is not one that a page of this list gave.")
    return place[1], place[2]
