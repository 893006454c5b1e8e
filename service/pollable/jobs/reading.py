"""Reading jobs, many at a time. Nothing here writes, but that a poll is counted against its caller's quota."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from pollable.errors import JobExpired, JobNotFound, RecordDamaged, ServiceError
from pollable.ids import is_rq_id, parse_id
from pollable.jobs.foreign import RQ_FIELDS, ForeignJobs
from pollable.model import Failure, Job, State, rq_status_of
from pollable.serializer import RQ_DATA
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.batch import Argument, BatchedScript
from pollable.storage.quotas import Quota, Verdict, allowed

log = logging.getLogger("pollable.jobs")

NO_ID = "00000000-0000-0000-0000-000000000000"
"""Looked up in place of what can be no id, so that a malformed id costs and answers what a missing one does."""

NO_LIMIT: tuple[Argument, ...] = ("", "", "")

STALLED_REASONS = (
    None,
    "The worker that runs the job has not been heard of for as long as its lease lasts.",
    "No living worker knows the job's type; the job begins once one does.",
)
"""By the number in a reply of `read.lua`."""

BATCH = 256
"""Jobs read by one script call: bounds the time for which Redis does nothing else."""

RECORD_FIELDS = (
    *("type", "queue", "owner", "attempt", "max_attempts", "created_at", "started_at", "ended_at", "updated_at"),
    *("expires_at", "run_at", "progress", "message", "result", "error_code", "error_message", "context"),
    *("original_id", "never_ran", "labels", "last_code", "last_message", "reopened_at"),
)
"""What a read wants of a record, by the names there; the script is told them and answers in their order."""


class JobReader:
    """Reads that arrive while one is under way go out together as the next one: one Redis call for all of them."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        shows_foreign = "0" if settings.foreign_jobs == "off" else "1"
        self._reading = BatchedScript(
            redis,
            "read",
            head=(keys.PREFIX, keys.RQ_PREFIX, shows_foreign, RQ_DATA, " ".join(RECORD_FIELDS), " ".join(RQ_FIELDS)),
            most=BATCH,
        )
        self._foreign = ForeignJobs(settings)

    async def read(self, job_id: str, *, owner: str | None) -> Job:
        """One job, by either spelling of its id, or one of other code by RQ's; `owner` None reads everybody's.

        Raises `JobNotFound` (never was, or somebody else's), `JobExpired` and `StoreUnavailable`.
        """
        stored_id = _stored_id(job_id)
        _, row = await self._ask(job_id, stored_id, owner=owner)
        return await self._job(stored_id, row)

    async def poll(
        self, job_id: str, *, owner: str | None, quota: Quota | None, caller: str
    ) -> tuple[Job | ServiceError, Verdict | None]:
        """The same, counted against the quota of `caller`, with its verdict; what is not found is an answer, too.

        Raises `QuotaExceeded` and `StoreUnavailable`.
        """
        stored_id, limit = _stored_id(job_id), NO_LIMIT
        if quota is not None:
            limit = (keys.limit(quota.bucket, caller), quota.limit, quota.window_ms)
        said, row = await self._ask(job_id, stored_id, owner=owner, limit=limit)
        verdict = None if quota is None else allowed(quota, said)
        try:
            return await self._job(stored_id, row), verdict
        except (JobNotFound, JobExpired) as error:
            return error, verdict

    async def read_many(self, job_ids: Sequence[str], *, owner: str | None) -> list[Job | None]:
        """Many jobs in the order of their ids; None for what is not there."""
        answers = await asyncio.gather(*(self.read(job_id, owner=owner) for job_id in job_ids), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, JobNotFound | JobExpired | RecordDamaged):
                raise answer
        return [answer if isinstance(answer, Job) else None for answer in answers]

    async def _ask(
        self, job_id: str, stored_id: str, *, owner: str | None, limit: tuple[Argument, ...] = NO_LIMIT
    ) -> Any:
        given = next((text for text in (job_id, job_id.strip()) if is_rq_id(text)), "")
        return await self._reading.ask((stored_id, owner or "", *limit, given))

    async def _job(self, stored_id: str, row: Sequence[Any]) -> Job:
        kind = row[0]
        if kind == b"record":
            return _whole(stored_id, row)
        if kind == b"foreign":
            return await self._foreign.job(row)
        if kind == b"damaged":
            raise _damaged(stored_id, "it is no hash")
        if kind == b"expired":
            raise JobExpired("This job has expired: its result is no longer kept.")
        raise JobNotFound("There is no such job.")


def _stored_id(job_id: str) -> str:
    return parse_id(job_id.strip()) or NO_ID


def _whole(job_id: str, row: Sequence[Any]) -> Job:
    try:
        return record_job(job_id, row)
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(job_id, f"{type(error).__name__}: {error}") from None


def _damaged(job_id: str, why: str) -> RecordDamaged:
    log.error("the record of job %s is damaged: %s", job_id, why)
    return RecordDamaged("What is kept of this job is damaged; the log says how.")


def record_job(job_id: str, row: Sequence[Any]) -> Job:
    """The job of a record, from a reply of `read.lua`."""
    state, values = State(row[1].decode()), dict(zip(RECORD_FIELDS, row[4:], strict=True))
    return Job(
        id=job_id,
        type=values["type"].decode(),
        state=state,
        rq_status=rq_status_of(state, never_ran=bool(values["never_ran"])),
        queue=values["queue"].decode(),
        created_at=int(values["created_at"]),
        read_at=row[3],
        owner=values["owner"].decode(),
        progress=int(values["progress"]),
        message=_text(values["message"]),
        attempts=int(values["attempt"]),
        max_attempts=int(values["max_attempts"]),
        started_at=_number(values["started_at"]),
        ended_at=_number(values["ended_at"]) if state.is_final else None,
        updated_at=int(values["updated_at"]),
        expires_at=_number(values["expires_at"]) if state.is_final else None,
        stalled_reason=STALLED_REASONS[row[2]],
        result=values["result"] if state is State.SUCCEEDED else None,
        error=_failure(values, "error") if state is State.FAILED else None,
        last_error=None if state.is_final else _failure(values, "last"),
        context=values["context"],
        labels=values["labels"] or b"{}",
        original_id=_text(values["original_id"]),
        run_at=int(values["run_at"]),
        reopened_at=_number(values["reopened_at"]),
    )


def _failure(values: Mapping[str, Any], which: str) -> Failure | None:
    code = values[f"{which}_code"]
    return Failure(code.decode(), values[f"{which}_message"].decode()) if code else None


def _number(value: bytes | None) -> int | None:
    return int(value) if value else None


def _text(value: bytes | None) -> str | None:
    return value.decode() if value else None
