"""Submitting, cancelling, rerunning, deleting and listing jobs."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from redis.asyncio import Redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.utils import utcformat

from service import keys
from service.batch import BatchedScript
from service.catalog import Catalog, JobType
from service.errors import IdempotencyKeyReused, InvalidParameter, JobNotFound, QueueFull, WrongState
from service.ids import new_id, parse_id
from service.model import Job, State
from service.redisconnection import store_errors
from service.rqdata import RQ_DATA
from service.scripts import load
from service.settings import Settings
from service.store import NO_ID, Store

IDEMPOTENCY_TTL_S = 86_400
BATCH = 64


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be. `payload` and `context` are JSON bytes that were validated already.

    `delay_ms` counts from Redis' now, `run_at` is milliseconds since the epoch; neither means at once.
    """

    type: JobType
    payload: bytes
    owner: str
    queue: str | None = None
    context: bytes = b"{}"
    original_id: str | None = None
    delay_ms: int | None = None
    run_at: int | None = None
    idempotency_key: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Part of a list, and where the next part begins (None at the end)."""

    jobs: list[Job]
    cursor: str | None


class Jobs:
    """What a caller can do to jobs. Every change is one Lua script; the answer says what it found and did."""

    def __init__(self, redis: "Redis", *, settings: Settings, catalog: Catalog, store: Store) -> None:
        self._redis = redis
        self._settings = settings
        self._catalog = catalog
        self._store = store
        head = (keys.PREFIX, keys.RQ_PREFIX, RQ_DATA, IDEMPOTENCY_TTL_S)
        self._submitting = BatchedScript(redis, "submit", head=head, most=BATCH)
        self._cancel = redis.register_script(load("cancel"))
        self._delete = redis.register_script(load("delete"))

    async def submit(self, submission: Submission) -> Job:
        """Store and queue a job; an idempotency key that was used before gets the first answer again.

        Raises `QueueFull`, `IdempotencyKeyReused`, `StoreUnavailable` and `StoreFull`; each leaves nothing behind.
        """
        job_id = new_id()
        queue = submission.queue or submission.type.queue
        row = await self._submitting.ask(self._arguments(submission, job_id, queue))
        outcome = row[0]
        if outcome == b"reused":
            raise IdempotencyKeyReused("This Idempotency-Key was used with another body; use a new key.")
        if outcome == b"full":
            detail = f"Queue {queue!r} holds {row[1]} jobs, as many as it may; try again later."
            raise QueueFull(detail, headers={"Retry-After": "10"})
        if outcome == b"replayed":
            job_id = row[1].decode()
        created_at, run_at = int(row[-2]), int(row[-1])
        return _accepted(submission, job_id, queue, created_at=created_at, run_at=run_at)

    async def cancel(self, job_id: str, *, owner: str | None) -> Job:
        """Cancel a job that waits, or ask for the end of one that runs (the answer is then still `running`).

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
        return await self._recorded(stored_id, owner=owner)

    async def rerun(self, job_id: str, *, owner: str | None, idempotency_key: str | None = None) -> Job:
        """Submit an ended job's payload again, as a new job that names the old one; the old one stays as it is.

        Raises `WrongState` while the job is live, `JobNotFound`, `JobExpired`, and what `submit` raises.
        """
        job = await self._recorded(job_id, owner=owner)
        if not job.state.is_final:
            raise _wrong_state("rerun", job.state.value)
        with store_errors():
            payload: Any = await self._redis.hget(keys.record(job.id), "payload")
        if payload is None:
            raise JobNotFound("There is no such job.")
        submission = Submission(
            type=self._catalog.get(job.type),
            payload=payload,
            owner=job.owner,
            queue=job.queue,
            context=job.context,
            original_id=job.id,
            idempotency_key=idempotency_key,
        )
        return await self.submit(submission)

    async def delete(self, job_id: str, *, owner: str | None) -> None:
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

    async def list(
        self,
        *,
        owner: str,
        states: frozenset[State] = frozenset(),
        types: frozenset[str] = frozenset(),
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """The owner's jobs, newest first. A page begins after the job that its cursor names, whatever came since.

        Raises `InvalidParameter` for a cursor that no page gave, and `StoreUnavailable`.
        """
        found: list[Job] = []
        position = _position(cursor)
        while True:
            ids, position = await self._older_ids(owner, position, count=limit + 1)
            for job in await self._store.read_many(ids, owner=owner):
                if job is None or (states and job.state not in states) or (types and job.type not in types):
                    continue
                if len(found) == limit:
                    return Page(found, f"{found[-1].created_at}_{found[-1].id}")
                found.append(msgspec.structs.replace(job, result=None))
            if position is None:
                return Page(found, None)

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

    async def _recorded(self, job_id: str, *, owner: str | None) -> Job:
        job = await self._store.read(job_id, owner=owner)
        if not job.owner:
            # Other code's job: it can be read here, no more.
            raise JobNotFound("There is no such job.")
        return job

    def _arguments(self, submission: Submission, job_id: str, queue: str) -> tuple[Any, ...]:
        job_type, defaults = submission.type, self._settings
        return (
            job_id,
            job_type.name,
            queue,
            submission.owner,
            submission.payload,
            job_type.max_attempts,
            job_type.timeout_s or defaults.job_timeout_s,
            job_type.result_ttl_s or defaults.result_ttl_s,
            job_type.failure_ttl_s or defaults.failure_ttl_s,
            msgspec.json.encode(job_type.retry_delays_s or (0,)),
            submission.context,
            submission.original_id or "",
            "" if submission.run_at is None else submission.run_at,
            "" if submission.delay_ms is None else submission.delay_ms,
            defaults.max_queue_depth,
            _digest(submission.idempotency_key.encode()) if submission.idempotency_key else "",
            _fingerprint(submission, queue),
            job_type.max_attempts - 1 if job_type.max_attempts > 1 else "",
            utcformat(datetime.now(UTC)),
        )


def _accepted(submission: Submission, job_id: str, queue: str, *, created_at: int, run_at: int) -> Job:
    scheduled = run_at > created_at
    return Job(
        id=job_id,
        type=submission.type.name,
        state=State.SCHEDULED if scheduled else State.QUEUED,
        rq_status="scheduled" if scheduled else "queued",
        queue=queue,
        created_at=created_at,
        updated_at=created_at,
        owner=submission.owner,
        max_attempts=submission.type.max_attempts,
        context=submission.context,
        original_id=submission.original_id,
        run_at=run_at,
    )


def _wrong_state(verb: str, state: str) -> WrongState:
    return WrongState(f"The job is {state}; it cannot be {verb} now.", extra={"state": state})


def _position(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    created_at, _, job_id = cursor.partition("_")
    if not (created_at.isascii() and created_at.isdigit() and len(created_at) < 16 and parse_id(job_id) == job_id):
        raise InvalidParameter("The cursor is not one that a page of this list gave.")
    return int(created_at), job_id


def _fingerprint(submission: Submission, queue: str) -> str:
    parts = (submission.type.name, queue, str(submission.delay_ms), str(submission.run_at), str(submission.original_id))
    return _digest(b"\0".join((*(part.encode() for part in parts), submission.context, submission.payload)))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
