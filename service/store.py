"""Reading jobs, many at a time. Nothing here writes."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from service import keys
from service.batch import BatchedScript
from service.errors import JobExpired, JobNotFound
from service.foreign import foreign_job
from service.ids import parse_id
from service.limits import Quota, refusal, verdict_of
from service.model import Failure, Job, State
from service.rqdata import RQ_DATA
from service.settings import Settings

NO_ID = "00000000-0000-0000-0000-000000000000"
"""Looked up in place of what can be no id, so that a malformed id costs and answers what a missing one does."""

BATCH = 256
"""Jobs read by one script call: bounds the time for which Redis does nothing else."""

_RQ_STATUS = {
    State.QUEUED: "queued",
    State.SCHEDULED: "scheduled",
    State.RUNNING: "started",
    State.SUCCEEDED: "finished",
    State.FAILED: "failed",
}


class Store:
    """Reads that arrive while one is under way go out together as the next one: one Redis call for all of them."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        shows_foreign = "1" if settings.foreign_jobs == "read" else "0"
        self._reading = BatchedScript(
            redis, "read", head=(keys.PREFIX, keys.RQ_PREFIX, shows_foreign, RQ_DATA), most=BATCH
        )
        self._expose_errors = settings.expose_errors

    async def read(self, job_id: str, *, owner: str | None, quota: Quota | None = None) -> Job:
        """One job, by either spelling of its id; `owner` None reads everybody's.

        Raises `JobNotFound` (never was, or somebody else's), `JobExpired`, `QuotaExceeded` and `StoreUnavailable`.
        """
        stored_id = parse_id(job_id) or NO_ID
        row = await self._ask(stored_id, owner=owner, quota=quota)
        kind = row[0]
        if kind == b"record":
            return record_job(stored_id, row)
        if kind == b"foreign":
            return foreign_job(stored_id, row, expose_errors=self._expose_errors)
        if kind == b"expired":
            raise JobExpired("This job has expired: its result is no longer kept.")
        if kind == b"limited" and quota is not None:
            raise refusal(quota, verdict_of(quota, row[1:]))
        raise JobNotFound("There is no such job.")

    async def read_many(self, job_ids: Sequence[str], *, owner: str | None) -> list[Job | None]:
        """Many jobs in the order of their ids; None for what is not there."""
        answers = await asyncio.gather(*(self.read(job_id, owner=owner) for job_id in job_ids), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, JobNotFound | JobExpired):
                raise answer
        return [answer if isinstance(answer, Job) else None for answer in answers]

    async def _ask(self, stored_id: str, *, owner: str | None, quota: Quota | None) -> Any:
        limit = ("", "", "")
        if quota is not None and owner is not None:
            limit = (keys.limit(quota.bucket, owner), str(quota.limit), str(quota.window_ms))
        return await self._reading.ask((stored_id, owner or "", *limit))


def record_job(job_id: str, row: Sequence[Any]) -> Job:
    """The job of a record, from a reply of `read.lua`."""
    (
        state, owner, expires_at, run_at, _lease_until, type_, queue, attempt, max_attempts,
        created_at, started_at, ended_at, updated_at, progress, message, result, error_code,
        error_message, context, original_id, cancel_requested, never_ran, _enqueued_at,
    ) = row[2:]  # fmt: skip
    known = State(state.decode())
    return Job(
        id=job_id,
        type=type_.decode(),
        state=known,
        rq_status=_RQ_STATUS.get(known) or ("canceled" if never_ran else "stopped"),
        queue=queue.decode(),
        created_at=int(created_at),
        owner=owner.decode(),
        progress=int(progress),
        message=message.decode() if message else None,
        attempts=int(attempt),
        max_attempts=int(max_attempts),
        started_at=int(started_at) if started_at else None,
        ended_at=int(ended_at) if ended_at and known.is_final else None,
        updated_at=int(updated_at),
        expires_at=int(expires_at) if expires_at and known.is_final else None,
        stalled=row[1] == 1,
        result=result if known is State.SUCCEEDED else None,
        error=Failure(error_code.decode(), error_message.decode()) if error_code and known is State.FAILED else None,
        context=context,
        original_id=original_id.decode() if original_id else None,
        run_at=int(run_at),
        cancel_requested=cancel_requested is not None and known is State.RUNNING,
    )
