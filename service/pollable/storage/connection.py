"""Connections to Redis, with the time-outs that our promises rest on."""

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff, NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pollable.settings import Settings
from pollable.storage import sentinels
from pollable.storage.line import Line
from pollable.storage.refusals import AWAY, is_away, refusal_of

log = logging.getLogger("pollable.redis")

T = TypeVar("T")
NOTHING: Callable[[], object] = lambda: None  # noqa: E731 - a default, shared

# redis-py 8 retries ten times on its own: an answer would take a minute. One retry, whose new connection is tried twice
# too, makes three times this: 1.2 s.
WEB_TIMEOUT_S = 0.4
WORKER_TIMEOUT_S = 2.0
RETRY_S = 1.0
TOLD_EVERY_S = 60.0
REMEDY_TOLD_EVERY_S = 3600.0


_told_until: dict[str, float] = {}


def connect(settings: Settings, *, timeout_s: float = WORKER_TIMEOUT_S) -> redis.Redis:
    """A client for worker processes and the command line: a little more patient, since nobody waits."""
    options = _options(settings, timeout_s) | {"retry": Retry(ConstantBackoff(0.2), 1)}
    return sentinels.primary(settings.redis, options) if settings.redis.sentinels else redis.Redis(**options)


def connect_async(settings: Settings) -> "redis.asyncio.Redis":
    """A client for the web process: it answers or fails within 1.5 s."""
    bounds = {"retry": AsyncRetry(NoBackoff(), 1), "max_connections": settings.redis_connections}
    options = _options(settings, WEB_TIMEOUT_S) | bounds
    if settings.redis.sentinels:
        return sentinels.primary_async(settings.redis, options)
    client = redis.asyncio.Redis(**options)
    client.connection_pool = Line.instead_of(client.connection_pool)
    return client


@contextmanager
def store_errors() -> Iterator[None]:
    """Say what a caller may know of Redis' troubles.

    Raises `StoreUnavailable`, `StoreReadOnly` or `StoreFull`, with `Retry-After`.
    """
    try:
        yield
    except RedisError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        if refusal.remedy:
            _tell("requests are refused", error)
        raise refusal.problem(refusal.words) from None


class tolerated(ContextDecorator):  # noqa: N801 - used as contextlib's `suppress` is
    """Go on after what Redis does not do now; `what` was to be done. Around a block, or a function of no value."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or not is_away(error):
            return False
        _tell(f"{self._what} waits", error)
        return True


def patiently(
    call: Callable[[], T], *, what: str, gives_up: Callable[[], bool], meanwhile: Callable[[], object] = NOTHING
) -> T:
    """The call's answer; while Redis is away the call is made again each second, until `gives_up`.

    `meanwhile` is tried before each of these. Raises the call's last error.
    """
    while True:
        try:
            return call()
        except RedisError as error:
            if not is_away(error) or gives_up():
                raise
            _tell(f"{what} waits", error)
        time.sleep(RETRY_S)
        with tolerated(what):
            meanwhile()


def _tell(what: str, error: BaseException) -> None:
    """One line of a kind, however many things wait: a Redis may be away for hours."""
    refusal, now = refusal_of(error) or AWAY, time.monotonic()
    if now < _told_until.get(refusal.remedy, 0.0):
        return
    _told_until[refusal.remedy] = now + (REMEDY_TOLD_EVERY_S if refusal.remedy else TOLD_EVERY_S)
    if refusal.remedy:
        log.error("Redis refuses us, and %s until %s: %s", what, refusal.remedy, error)
    else:
        log.warning("Redis %s; %s: %s", "is away" if refusal is AWAY else "says no", what, error)


def _options(settings: Settings, timeout_s: float) -> dict[str, Any]:
    unverified = {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}
    # Without driver_info each connection begins with no CLIENT SETINFO, which our users in Redis may not send.
    times = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s, "driver_info": None}
    return settings.redis.arguments() | times | ({} if settings.redis_tls_verify else unverified)
