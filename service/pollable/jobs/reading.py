"""Reading jobs, many at a time. Nothing here writes, but that a poll is counted against its caller's quota."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
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

NO_LIMIT = ("", "", "")
"""A quota's key, limit and window."""

AT_HAND = ("-", "")
"""Beside a question that is only counted against the quota."""

STALLED_REASONS = (
    None,
    "The worker that runs the job has not been heard of for as long as its lease lasts.",
    "No living worker knows the job's type; the job begins once one does.",
)
"""By the number in a row of `row.lua`."""

BATCH = 256
"""Jobs read by one script call: bounds the time for which Redis does nothing else."""
LARGE_BYTES = 65_536
"""A larger result is read by a call of its own, so that nobody else's read waits for it."""
CALL_BYTES = 1_048_576
"""Results that one call reads for all who asked; what no longer fits is read by a call of its own, too."""
ANSWER_BYTES = 2_097_152
"""Results of one answer to many ids."""

RECORD_FIELDS = (
    *("type", "queue", "owner", "attempt", "max_attempts", "created_at", "started_at", "ended_at", "updated_at"),
    *("expires_at", "run_at", "progress", "message", "error_code", "error_message", "context"),
    *("original_id", "never_ran", "labels", "last_code", "last_message", "reopened_at", "version"),
)
"""What a read wants of a record beside the result, by the names there; scripts answer in their order."""

Question = tuple[str, str, str]
"""The id of a record, whose it must be ('' for anybody's), and the id as it was given, which may be one of RQ's."""


class JobReader:
    """Reads that arrive while one is under way go out together as the next one: one Redis call for all of them."""

    def __init__(self, redis: "Redis", settings: Settings, *, script: type[BatchedScript] = BatchedScript) -> None:
        self.script = script
        self._shows_foreign = settings.foreign_jobs != "off"
        fields = (RQ_DATA, " ".join(RECORD_FIELDS), " ".join(RQ_FIELDS))
        head: tuple[Argument, ...] = (keys.PREFIX, keys.RQ_PREFIX, int(self._shows_foreign), *fields)
        self._together = script(redis, "read", head=(*head, LARGE_BYTES, CALL_BYTES), most=BATCH)
        self._alone = script(redis, "read", head=(*head, "", ""), most=1)
        self._results = script(redis, "read", head=(), most=1, call=self._large_result)
        self._redis = redis
        self._foreign = ForeignJobs(settings)

    @property
    def calls(self) -> int:
        """How many calls of Redis have begun: a poll of now is no older than the next."""
        return self._together.begun

    async def read(self, job_id: str, *, owner: str | None) -> Job:
        """One job, by either spelling of its id, or one of other code by RQ's; `owner` None reads everybody's.

        Raises `JobNotFound` (never was, or somebody else's), `JobExpired` and `StoreUnavailable`.
        """
        question = self._question(job_id, owner)
        _, row = await self._together.ask(_asked(question))
        return await self._whole(question, row)

    async def poll(
        self, job_id: str, *, owner: str | None, quota: Quota | None, caller: str, beside: tuple[str, str] = ("0", "")
    ) -> tuple[Job | ServiceError | None, Verdict | None]:
        """The same, counted against the quota of `caller`, with its verdict; what is not found is an answer, too.

        Beside the question: 1 where the job's end is to be foretold, else 0; which ended job is known already
        (`version-updated_at`, or empty). None is the job that is known, and still so, or `AT_HAND`.
        Raises `QuotaExceeded` and `StoreUnavailable`.
        """
        question, limit = self._question(job_id, owner), NO_LIMIT
        if quota is not None:
            limit = (keys.limit(quota.bucket, caller), str(quota.limit), str(quota.window_ms))
        said, row = await self._together.ask(_asked(question, beside, limit))
        verdict = None if quota is None else allowed(quota, said)
        try:
            return None if row[0] == b"same" else await self._whole(question, row), verdict
        except (JobNotFound, JobExpired) as error:
            return error, verdict

    async def read_many(self, job_ids: Sequence[str], *, owner: str | None) -> list[Job | None]:
        """Many jobs in the order of their ids, each read once; None for what is not there.

        Their results are `ANSWER_BYTES` together at most: a succeeded job has None in place of one that does not fit.
        """
        questions = [self._question(job_id, owner) for job_id in job_ids]
        distinct = list(dict.fromkeys(questions))
        replies = await asyncio.gather(*(self._together.ask(_asked(each)) for each in distinct))
        rows, read, answer = dict(zip(distinct, replies, strict=True)), dict[Question, Job | None](), list[Job | None]()
        left = ANSWER_BYTES if len(questions) > 1 else sys.maxsize
        for question in questions:
            if question not in read:
                read[question] = await self._found(question, rows[question][1], most_bytes=left)
            job = read[question]
            if job and len(job.result or b"") > left:
                job = msgspec.structs.replace(job, result=None)
            left -= len(job.result or b"") if job else 0
            answer.append(job)
        return answer

    async def _found(self, question: Question, row: Sequence[Any], *, most_bytes: int) -> Job | None:
        try:
            return await self._whole(question, row, most_bytes=most_bytes)
        except (JobNotFound, JobExpired, RecordDamaged):
            return None

    def _question(self, job_id: str, owner: str | None) -> Question:
        trimmed = job_id.strip()
        names = (text for text in (job_id, trimmed) if self._shows_foreign and is_rq_id(text))
        return parse_id(trimmed) or NO_ID, owner or "", next(names, "")

    async def _whole(self, question: Question, row: Sequence[Any], *, most_bytes: int = sys.maxsize) -> Job:
        """The job of a row, with what was left out of it because it was large, if that is no more than `most_bytes`."""
        if len(row) > 1 and 0 < row[1] <= most_bytes:
            result = await self._results.ask((question[0],)) if row[0] == b"record" else None
            # One of other code, or it is gone by now: all of it is asked for again.
            whole = result is None and (await self._alone.ask(_asked(question)))[1]
            row = whole or [*row[:2], result, *row[3:]]
        return await self._job(question[0], row)

    async def _large_result(self, arguments: Sequence[Argument]) -> list[Any]:
        # By a command of Redis' own, which copies it less often than a script does.
        return [await self._redis.hget(keys.record(str(arguments[0])), "result")]

    async def _job(self, stored_id: str, row: Sequence[Any]) -> Job:
        kind = row[0]
        if kind == b"record":
            return record_job(stored_id, row)
        if kind == b"foreign":
            return await self._foreign.job(row)
        if kind == b"damaged":
            raise _damaged(stored_id, "it is no hash")
        if kind == b"expired":
            raise JobExpired("This job has expired: its result is no longer kept.")
        raise JobNotFound("There is no such job.")


def _asked(question: Question, beside: Sequence[str] = ("0", ""), limit: Sequence[str] = NO_LIMIT) -> tuple[str]:
    # redis-py encodes each argument in Python, which costs more than to take one text apart. What is known comes from a
    # header, and so last: whatever stands in it, it moves nothing.
    return ("\n".join((*question, beside[0], *limit, beside[1])),)


def record_job(job_id: str, row: Sequence[Any]) -> Job:
    """The job of a record's row (`row.lua`). Raises `RecordDamaged`."""
    try:
        return _job_of(job_id, row)
    except (AttributeError, TypeError, ValueError) as error:
        raise _damaged(job_id, f"{type(error).__name__}: {error}") from None


def _damaged(job_id: str, why: str) -> RecordDamaged:
    log.error("the record of job %s is damaged: %s", job_id, why)
    return RecordDamaged("What is kept of this job is damaged; the log says how.")


def _job_of(job_id: str, row: Sequence[Any]) -> Job:
    # Every poll of a job that has not ended comes here: no look-ups by name, all in the order of `RECORD_FIELDS`.
    _, _, result, word, stalled, now, expected_ms, type_, queue, owner, attempt, max_attempts, *times = row[:16]
    created_at, started_at, ended_at, updated_at = times
    expires_at, run_at, progress, message, error_code, error_message, context, original_id, never_ran = row[16:25]
    labels, last_code, last_message, reopened_at, version = row[25:]
    state = State(word.decode())
    is_final = state.is_final
    return Job(
        id=job_id,
        type=type_.decode(),
        state=state,
        rq_status=rq_status_of(state, never_ran=bool(never_ran)),
        queue=queue.decode(),
        created_at=int(created_at),
        read_at=now,
        expected_ms=expected_ms,
        owner=owner.decode(),
        progress=int(progress),
        message=message.decode() if message else None,
        attempts=int(attempt),
        max_attempts=int(max_attempts),
        started_at=int(started_at) if started_at else None,
        ended_at=int(ended_at) if is_final and ended_at else None,
        updated_at=int(updated_at),
        expires_at=int(expires_at) if is_final and expires_at else None,
        stalled_reason=STALLED_REASONS[stalled],
        result=result,
        error=_failure(error_code, error_message) if state is State.FAILED else None,
        last_error=None if is_final else _failure(last_code, last_message),
        context=context,
        labels=labels or b"{}",
        original_id=original_id.decode() if original_id else None,
        run_at=int(run_at),
        reopened_at=int(reopened_at) if reopened_at else None,
        version=int(version) if version else 0,
    )


def _failure(code: bytes | None, message: Any) -> Failure | None:
    return Failure(code.decode(), message.decode()) if code else None
