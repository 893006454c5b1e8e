"""What the HTTP side works with: the deployment's parts, made once in `app`."""

import msgspec
from redis.asyncio import Redis
from starlette.types import Scope

from pollable.auth.authenticator import Authenticator, require
from pollable.catalog import Catalog
from pollable.envelopes.envelope import Bucket, Envelope, PerMinute
from pollable.http.feeds import Feeds
from pollable.http.kept import Kept
from pollable.http.lifetime import Lifetime
from pollable.jobs.changes import Changes
from pollable.jobs.changing import JobWriter
from pollable.jobs.listing import JobLister
from pollable.jobs.reading import JobReader
from pollable.jobs.waiting import Waiting
from pollable.pace import Pace
from pollable.settings import Settings
from pollable.storage.quotas import Limiter, Quota

OF_PEOPLE = PerMinute(polls=0, reads=0, writes=600)
"""Where callers are told apart, and neither settings nor envelope say another."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """One of each."""

    settings: Settings
    catalog: Catalog
    envelopes: dict[str, Envelope]
    redis: Redis
    reader: JobReader
    kept: Kept
    writer: JobWriter
    lister: JobLister
    limiter: Limiter
    changes: Changes
    waiting: Waiting
    feeds: Feeds
    authenticator: Authenticator
    refusals: Pace
    lifetime: Lifetime

    async def require_reader(self, scope: Scope) -> None:
        """Raises `Unauthenticated`, `InvalidToken`, `InsufficientScope` and `StoreUnavailable`."""
        if not self.settings.public_docs:
            principal = await self.authenticator.authenticate(dict(scope["headers"]).get(b"authorization"))
            require(principal, "jobs:read")

    def quota(self, bucket: Bucket, *, envelope: Envelope) -> Quota | None:
        """The settings' limit, for all envelopes alike; else the envelope's own, else `OF_PEOPLE`. None: no limit."""
        limit: int | None = getattr(self.settings, f"quota_{bucket}")
        quotas = envelope.quotas or (None if self.settings.is_open else OF_PEOPLE)
        if limit is None and quotas is not None:
            limit = getattr(quotas, bucket)
        return Quota(bucket, limit) if limit else None
