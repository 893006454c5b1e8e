"""Submitting, cancelling, rerunning, deleting: whatever changes a job for its caller."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.utils import utcformat

from pollable.catalog import Catalog, JobType
from pollable.errors import (
    IdempotencyKeyReused,
    JobExpired,
    JobNotFound,
    OwnerFull,
    PayloadFreed,
    QueueFull,
    WrongState,
)
from pollable.ids import new_id, parse_id
from pollable.jobs.reading import NO_ID, JobReader
from pollable.jobs.told import tell
from pollable.lines import origin
from pollable.model import Job, State
from pollable.serializer import RQ_DATA
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.batch import Argument
from pollable.storage.connection import store_errors
from pollable.storage.refusals import FULL
from pollable.storage.scripts import source

IDEMPOTENCY_TTL_S = 86_400
BATCH = 64

_ONLY_FOR_SUBMIT = ("id", "depth", "stamp", "fingerprint", "digest", "asker", "run_at", "delay_ms")
_RECORD = (
    *("type", "queue", "owner", "payload", "context", "labels", "original_id"),
    *("max_attempts", "timeout_s", "result_ttl_s", "failure_ttl_s", "request_id", "traceparent"),
)
"""The record's fields that do not change."""
_RQ_OWN = ("retries_left", "retry_intervals")
_RQ_SAME = (
    *("created_at=stamp", "origin=queue", "description=type"),
    *("timeout=timeout_s", "result_ttl=result_ttl_s", "failure_ttl=failure_ttl_s"),
)
_RQ_EMPTY = (
    *("success_callback_name", "failure_callback_name", "stopped_callback_name", "started_at", "ended_at"),
    *("last_heartbeat", "worker_name", "group_id"),
)
"""Field for field what `rq.Queue.enqueue` writes (RQ 3.0): of its own, as another's value, and as empty texts."""
_SUBMITTED = _ONLY_FOR_SUBMIT + _RECORD + _RQ_OWN
_NAMES = tuple(" ".join(names) for names in (_ONLY_FOR_SUBMIT, _RECORD, _RQ_OWN, _RQ_SAME))


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be. `payload`, `context` and `labels` are JSON bytes that were validated already.

    `delay_ms` counts from Redis' now, `run_at` is milliseconds since the epoch; neither means at once. `asker` is whose
    idempotency key it is; None: the owner's.
    """

    type: JobType
    payload: bytes
    owner: str
    queue: str | None = None
    context: bytes = b"{}"
    labels: bytes = b"{}"
    original_id: str | None = None
    delay_ms: int | None = None
    run_at: int | None = None
    idempotency_key: str | None = None
    asker: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """A job that was accepted: now, or when the same idempotency key came first, as it now is."""

    job: Job
    is_replay: bool = False


class JobWriter:
    """What a caller can do to jobs. A Lua script makes each change, whole or not at all, and says what it found."""

    def __init__(self, redis: "Redis", *, settings: Settings, catalog: Catalog, reader: JobReader) -> None:
        self._redis = redis
        self._settings = settings
        self._catalog = catalog
        self._reader = reader
        prefixes: tuple[Argument, ...] = (keys.PREFIX, keys.RQ_PREFIX)
        limits = (settings.owner_max_jobs, settings.owner_max_bytes)
        head = (*prefixes, IDEMPOTENCY_TTL_S, *limits, *_NAMES, RQ_DATA, " ".join(_RQ_EMPTY))
        self._submitting = reader.script(redis, "submit", head=head, most=BATCH, replicas=settings.replicas)
        self._cancel = redis.register_script(source("cancel"))
        self._delete = redis.register_script(source("delete"))

    async def submit(self, submission: Submission) -> Accepted:
        """Store and queue a job; an idempotency key that was used before gets the job that it got then.

        Raises `OwnerFull`, `QueueFull`, `IdempotencyKeyReused`, `StoreUnavailable` and `StoreFull`; each leaves nothing
        behind, but for `StoreUnavailable` of too few replicas (`POLLABLE_REPLICAS`): sent again with its key, it gets
        that job.
        """
        job_id = new_id()
        queue = submission.queue or submission.type.queue or self._settings.default_queue
        row = await self._submitting.ask(self._arguments(submission, job_id, queue))
        outcome = row[0]
        if outcome == b"reused":
            raise IdempotencyKeyReused("This Idempotency-Key was used with another body; use a new key.")
        if outcome == b"owner_full":
            raise self._too_much(row[1].decode())
        if outcome == b"full":
            detail = f"Queue {queue!r} holds {row[1]} jobs, as many as it may; try again later."
            raise QueueFull(detail)
        if outcome == b"short":
            raise FULL.problem(FULL.words)
        if is_replay := outcome == b"replayed":
            job_id = row[1].decode()
        named = {"job_id": job_id, "type": submission.type.name, "owner": submission.owner, "queue": queue}
        tell("repeated" if is_replay else "accepted", named | {"original_id": submission.original_id or ""})
        if is_replay:
            with suppress(JobNotFound, JobExpired):
                return Accepted(await self._reader.read(job_id, owner=submission.owner), is_replay)
        # Of a replay of what is no longer there: the first answer again, whose job the caller then finds gone.
        job = _accepted(submission, job_id, queue, created_at=int(row[-2]), run_at=int(row[-1]))
        return Accepted(job, is_replay)

    async def cancel(self, job_id: str, *, owner: str | None, asker: str | None = None) -> Job:
        """Cancel a job that waits, or ask for the end of one that runs (the answer is then still `running`).

        `asker` is who the log says it was.

        Raises `WrongState` for a job that ended, `JobNotFound`, `JobExpired` and `StoreUnavailable`.
        """
        stored_id = parse_id(job_id) or NO_ID
        with store_errors():
            reply = await self._cancel(args=[keys.PREFIX, keys.RQ_PREFIX, stored_id, owner or ""])
            if reply[0] == b"requested" and reply[1]:
                # Faster than the worker's next look at the record; where it is lost the record still says so.
                await self._redis.publish(
                    PUBSUB_CHANNEL_TEMPLATE % reply[1].decode(),
                    msgspec.json.encode({"command": "stop-job", "job_id": stored_id}),
                )
        if reply[0] == b"ended":
            raise _wrong_state("cancelled", reply[1].decode())
        job = await self._recorded(stored_id, owner=owner)
        if job.state in (State.SUCCEEDED, State.FAILED):
            # It ended before its worker heard of the wish.
            raise _wrong_state("cancelled", job.state.value)
        event = "cancelled" if job.state.is_final else "cancel_requested"
        by = asker or owner
        tell(event, {"job_id": job.id, "type": job.type, "owner": job.owner, "queue": job.queue, "by": by})
        return job

    async def rerun(
        self,
        job_id: str,
        *,
        owner: str | None,
        check: Callable[[JobType, bytes], object],
        idempotency_key: str | None = None,
        asker: str | None = None,
    ) -> Accepted:
        """Submit an ended job's payload again, as a new job that names the old one; the old one stays as it is.

        The new job is the old one's owner's, the idempotency key is `asker`'s (None: the owner's).
        `check` raises where the payload no longer fits its type. Raises `WrongState` while the job is live,
        `PayloadFreed`, `JobNotFound`, `JobExpired`, and what `submit` raises.
        """
        job = await self._recorded(parse_id(job_id) or NO_ID, owner=owner)
        if not job.state.is_final:
            raise _wrong_state("rerun", job.state.value)
        with store_errors():
            payload, is_freed = cast("Any", await self._redis.hmget(keys.record(job.id), "payload", "payload_freed"))
        if is_freed:
            kept = f"for {self._settings.rerun_ttl_s} s after a job's end, shorter where memory is short"
            raise PayloadFreed(f"A payload is kept {kept}; submit the job again.")
        if payload is None:
            raise JobNotFound("There is no such job.")
        job_type = self._catalog.get(job.type)
        check(job_type, payload)
        submission = Submission(
            type=job_type,
            payload=payload,
            owner=job.owner,
            queue=job.queue,
            context=job.context,
            labels=job.labels,
            original_id=job.id,
            idempotency_key=idempotency_key,
            asker=asker,
        )
        return await self.submit(submission)

    async def delete(self, job_id: str, *, owner: str | None, asker: str | None = None) -> None:
        """Forget an ended job and its result; its owner then reads it as expired.

        Raises `WrongState` while the job is live, `JobNotFound`, `JobExpired` and `StoreUnavailable`.
        """
        stored_id = parse_id(job_id) or NO_ID
        with store_errors():
            reply = await self._delete(args=[keys.PREFIX, keys.RQ_PREFIX, stored_id, owner or ""])
        if reply[0] == b"live":
            raise _wrong_state("deleted", reply[1].decode())
        if reply[0] == b"missing":
            await self._recorded(stored_id, owner=owner)
        tell("deleted", {"job_id": stored_id, "by": asker or owner})

    def _too_much(self, what: str) -> OwnerFull:
        if what == "jobs":
            return OwnerFull(
                f"At most {self._settings.owner_max_jobs} of your jobs may wait or run; cancel some, or wait."
            )
        most = self._settings.owner_max_bytes
        return OwnerFull(f"Your jobs may hold at most {most} bytes, with this one; delete some that ended, or wait.")

    async def _recorded(self, job_id: str, *, owner: str | None) -> Job:
        job = await self._reader.read(job_id, owner=owner)
        if not job.owner:
            # Other code's job: it can be read here, no more.
            raise JobNotFound("There is no such job.")
        return job

    def _arguments(self, submission: Submission, job_id: str, queue: str) -> tuple[Argument, ...]:
        job_type, defaults = submission.type, self._settings
        retries = job_type.max_attempts - 1
        values: dict[str, Argument | None] = {
            "id": job_id,
            "depth": defaults.max_queue_depth,
            "stamp": utcformat(datetime.now(UTC)),
            "fingerprint": _fingerprint(submission, queue),
            "digest": _digest(submission.idempotency_key.encode()) if submission.idempotency_key else None,
            "asker": submission.asker,
            "run_at": submission.run_at,
            "delay_ms": submission.delay_ms,
            "type": job_type.name,
            "queue": queue,
            "owner": submission.owner,
            "payload": submission.payload,
            "context": submission.context,
            "labels": submission.labels,
            "original_id": submission.original_id,
            "max_attempts": job_type.max_attempts,
            "timeout_s": job_type.timeout_s or defaults.job_timeout_s,
            "result_ttl_s": job_type.result_ttl_s or defaults.result_ttl_s,
            "failure_ttl_s": job_type.failure_ttl_s or defaults.failure_ttl_s,
            **origin.get()._asdict(),
            "retries_left": retries or None,
            "retry_intervals": msgspec.json.encode(job_type.retry_delays_s or (0,)) if retries else None,
        }
        return tuple("" if (value := values[name]) is None else value for name in _SUBMITTED)


def _accepted(submission: Submission, job_id: str, queue: str, *, created_at: int, run_at: int) -> Job:
    scheduled = run_at > created_at
    return Job(
        id=job_id,
        type=submission.type.name,
        state=State.SCHEDULED if scheduled else State.QUEUED,
        rq_status="scheduled" if scheduled else "queued",
        queue=queue,
        created_at=created_at,
        read_at=created_at,
        updated_at=created_at,
        owner=submission.owner,
        max_attempts=submission.type.max_attempts,
        context=submission.context,
        labels=submission.labels,
        original_id=submission.original_id,
        run_at=run_at,
        version=1,
    )


def _wrong_state(verb: str, state: str) -> WrongState:
    return WrongState(f"The job is {state}; it cannot be {verb} now.", extra={"state": state})


def _fingerprint(submission: Submission, queue: str) -> str:
    parts = (submission.type.name, queue, str(submission.delay_ms), str(submission.run_at), str(submission.original_id))
    encoded = (submission.context, submission.labels, submission.payload)
    return _digest(b"\0".join((*(part.encode() for part in parts), *encoded)))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
