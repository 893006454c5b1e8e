"""`Jobs`, which blocks."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, Unpack, cast

import msgspec
from redis import Redis

from pollable.api import direct
from pollable.api.desk import Desk, Filters, JobFunction, Options, Whose
from pollable.api.direct import Direct, DirectScript, finished
from pollable.api.job import Job
from pollable.api.owner import owner_name
from pollable.catalog import Catalog
from pollable.settings import Settings, from_environment
from pollable.storage.connection import WEB_TIMEOUT_S, connect


class Jobs:
    """Jobs, submitted and read without HTTP. One for a process will do: threads share it, forked processes too.

    Connects to nothing, and imports no job type, before it is used. A `redis` that is given is the giver's to close; it
    must answer bytes. Job types are those of `catalog`, else of the modules that the settings name. What HTTP would
    refuse raises the same `pollable.errors.ServiceError`, with its `code`; quotas of requests are HTTP's alone.
    """

    def __init__(self, settings: Settings, *, catalog: Catalog | None = None, redis: Redis | None = None) -> None:
        require_bytes(redis)
        self._settings = settings
        self._is_given = redis is not None
        self._redis = connect(settings, timeout_s=WEB_TIMEOUT_S) if redis is None else redis
        # Pickles are read on a thread, for which an event loop waits.
        foreign = "off" if settings.foreign_jobs == "off" else "read"
        able = msgspec.structs.replace(settings, foreign_jobs=foreign)
        awaited = cast("Any", Direct(self._redis))
        self._desk = Desk(able, awaited, catalog=catalog, script=DirectScript, pause=direct.sleep)

    @classmethod
    def from_environment(cls, *, redis: Redis | None = None) -> Self:
        """By the settings that web and worker have, too. Raises `SettingsError`."""
        return cls(from_environment(), redis=redis)

    def __repr__(self) -> str:
        return f"Jobs({self._settings.redis})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections; it can be used again all the same."""
        if not self._is_given:
            self._redis.close()

    def submit(
        self, type: str | JobFunction, payload: object, *, owner: Whose = None, **options: Unpack[Options]
    ) -> Job:
        """Submit a job of a type, named or given as its function; `payload` is whatever msgspec writes as JSON.

        `owner` is the user's subject, the `sub` of their tokens, who then may poll it over HTTP; None: nobody's, as
        where there is no authentication. Raises `UnknownJobType`, `InvalidPayload`, `InvalidJson`, `InvalidParameter`,
        `PayloadTooLarge`, `OwnerFull`, `QueueFull`, `IdempotencyKeyReused`, `StoreUnavailable`, `StoreFull`; and
        `SettingsError` where a module of job types cannot be imported.
        """
        return finished(self._desk.submit(type, payload, owner=owner, options=options))

    def get(self, job_id: str, *, owner: Whose = None) -> Job:
        """The job as it is now; with `owner`, one of somebody else is not found.

        Raises `JobNotFound`, `StoreUnavailable`, and of the owner's own jobs `JobExpired`.
        """
        return finished(self._desk.get(job_id, owner=owner))

    def wait(self, job_id: str, *, timeout: float | None = None, owner: Whose = None) -> Job:
        """The job once it has ended, however: its `state` says how.

        Goes on while Redis is away. Raises TimeoutError after so many seconds, and what `get` raises of a job that is
        not there.
        """
        return finished(self._desk.wait(job_id, owner=owner, timeout_s=timeout))

    def cancel(self, job_id: str, *, owner: Whose = None) -> Job:
        """Ask for its cancellation; a running job is still `running` until it has been stopped.

        Raises `WrongState` for one that has ended, and what `get` raises.
        """
        return finished(self._desk.cancel(job_id, owner=owner))

    def rerun(self, job_id: str, *, owner: Whose = None, idempotency_key: str | None = None) -> Job:
        """Run an ended job again, as a new job of the same owner.

        Raises `WrongState` while it is live, `PayloadFreed`, and what `get` and `submit` raise.
        """
        return finished(self._desk.rerun(job_id, owner=owner, idempotency_key=idempotency_key))

    def list(self, *, owner: Whose = None, **filters: Unpack[Filters]) -> Iterator[Job]:
        """The owner's jobs, newest first, without their results; each page is asked for when it is reached.

        Without an owner those that are nobody's. Raises `InvalidParameter` for a state that there is not.
        """
        cursor: str | None = None
        while True:
            page = finished(self._desk.page(owner=owner, filters=filters, cursor=cursor))
            yield from map(Job.of, page.jobs)
            cursor = page.cursor
            if cursor is None:
                return

    def owner_name(self, owner: Whose) -> str:
        """What a job of that owner has as its `owner`."""
        return owner_name(owner, self._settings)


def require_bytes(redis: Any) -> None:
    """Raises ValueError for a client that answers texts: results are bytes, and stay so."""
    if redis is not None and redis.connection_pool.connection_kwargs.get("decode_responses"):
        raise ValueError("The Redis client decodes responses; give one without decode_responses.")
