"""An owner's list of jobs, page by page."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from pollable.errors import InvalidParameter
from pollable.jobs.reading import JobReader
from pollable.model import Job, State
from pollable.storage import keys
from pollable.storage.connection import store_errors

CURSOR = re.compile(r"([0-9]{1,15})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""Milliseconds since the Unix epoch and an id: where a page ended."""


class JobPage(msgspec.Struct, frozen=True):
    """Part of a list, and where the next part begins (None at the end)."""

    jobs: list[Job]
    cursor: str | None


class JobLister:
    """Walks the index of an owner's jobs, and reads what it finds there."""

    def __init__(self, redis: "Redis", *, reader: JobReader) -> None:
        self._redis = redis
        self._reader = reader

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

        Raises `InvalidParameter` for a cursor that no page gave, and `StoreUnavailable`.
        """
        found: list[Job] = []
        position = _position(cursor)
        while True:
            ids, position = await self._older_ids(owner, position, count=limit + 1)
            for job in await self._reader.read_many(ids, owner=owner):
                if job is None or (states and job.state not in states) or (types and job.type not in types):
                    continue
                if labels and not labels.items() <= msgspec.json.decode(job.labels, type=dict[str, str]).items():
                    continue
                if len(found) == limit:
                    return JobPage(found, f"{found[-1].created_at}_{found[-1].id}")
                found.append(msgspec.structs.replace(job, result=None))
            if position is None:
                return JobPage(found, None)

    async def _older_ids(
        self, owner: str, position: tuple[int, str] | None, *, count: int
    ) -> tuple[Sequence[str], tuple[int, str] | None]:
        # Members of equal score are ordered by id, so (created_at, id) is a position that inserts cannot shift.
        newest = "+inf" if position is None else str(position[0])
        with store_errors():
            rows: Any = await self._redis.zrevrangebyscore(
                keys.owner(owner), newest, "-inf", start=0, num=count + 1, withscores=True
            )
        places = [(int(score), member.decode()) for member, score in rows]
        older = [place for place in places if position is None or place < position]
        if not older and len(places) > count:
            # More jobs of one millisecond than a page holds.
            return await self._older_ids(owner, position, count=count * 2)
        last = older[-1] if len(places) > count else None
        return [job_id for _, job_id in older], last


def _position(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    place = CURSOR.fullmatch(cursor)
    if place is None:
        raise InvalidParameter("The cursor is not one that a page of this list gave.")
    return int(place[1]), place[2]
