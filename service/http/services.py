"""What the HTTP side works with: the deployment's parts, made once in `app`."""

import msgspec
from redis.asyncio import Redis

from service.auth import Authenticator
from service.catalog import Catalog
from service.envelopes import Envelope
from service.jobs import Jobs
from service.limits import Limiter
from service.settings import Settings
from service.store import Store


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """One of each."""

    settings: Settings
    catalog: Catalog
    envelopes: dict[str, Envelope]
    redis: Redis
    store: Store
    jobs: Jobs
    limiter: Limiter
    authenticator: Authenticator
