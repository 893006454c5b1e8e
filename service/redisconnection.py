"""Connections to Redis, with the time-outs that our promises rest on."""

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from service.errors import StoreFull, StoreUnavailable
from service.settings import Settings

log = logging.getLogger("pollable.redis")

T = TypeVar("T")

# redis-py 8 retries ten times on its own: an answer would take a minute. One retry, whose new connection is tried twice
# too, makes three times this: 1.2 s.
WEB_TIMEOUT_S = 0.4
WORKER_TIMEOUT_S = 2.0
UNAVAILABLE = (RedisConnectionError, RedisTimeoutError, ReadOnlyError)


def connect(settings: Settings) -> redis.Redis:
    """A client for worker processes and the command line: a little more patient, since nobody waits."""
    retry = Retry(ConstantBackoff(0.2), 1)
    return redis.Redis.from_url(
        settings.redis_url,
        socket_timeout=WORKER_TIMEOUT_S,
        socket_connect_timeout=WORKER_TIMEOUT_S,
        retry=retry,
        **_tls(settings),
    )


def connect_async(settings: Settings) -> "redis.asyncio.Redis":
    """A client for the web process: it answers or fails within 1.5 s."""
    return redis.asyncio.Redis.from_url(
        settings.redis_url,
        socket_timeout=WEB_TIMEOUT_S,
        socket_connect_timeout=WEB_TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 1),
        **_tls(settings),
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Say what a caller may know of Redis' troubles: raises `StoreUnavailable` or `StoreFull`, with `Retry-After`."""
    try:
        yield
    except OutOfMemoryError:
        raise StoreFull("No more jobs can be stored now; try again later.", headers={"Retry-After": "5"}) from None
    except redis.exceptions.ResponseError as error:
        # Inside a script the refusal is worded as the script's error (Redis 6.2).
        if "OOM" not in str(error):
            raise
        raise StoreFull("No more jobs can be stored now; try again later.", headers={"Retry-After": "5"}) from None
    except UNAVAILABLE:
        raise StoreUnavailable("The job store does not answer; try again.", headers={"Retry-After": "2"}) from None


def patiently(call: Callable[[], T], *, what: str, patience_s: float) -> T:
    """The call's answer; while Redis is away it is made again each second, for `patience_s`. Raises its last error."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return call()
        except UNAVAILABLE as error:
            if time.monotonic() > deadline:
                raise
            log.warning("Redis is away; %s waits: %s", what, error)
            time.sleep(1)


def _tls(settings: Settings) -> dict[str, Any]:
    if settings.redis_tls_verify or not settings.redis_url.startswith("rediss://"):
        return {}
    return {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}
