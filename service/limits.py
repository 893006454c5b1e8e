"""Quotas: how often an owner may ask. One number per bucket and owner in Redis, none in this process."""

from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis

from service import keys
from service.errors import QuotaExceeded
from service.redisconnection import store_errors
from service.scripts import load


class Quota(msgspec.Struct, frozen=True):
    """`limit` requests (1 or more) at once and as many again over each `window_s`, per owner. `bucket` is its name."""

    bucket: str
    limit: int
    window_s: int = 60

    @property
    def window_ms(self) -> int:
        """The window as `gcra` takes it."""
        return self.window_s * 1000


class Verdict(msgspec.Struct, frozen=True):
    """What a quota said to one request.

    Whoever makes at most `remaining` requests within `reset_s` is never refused. `retry_after_s` is 0 when allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int


class Limiter:
    """Quotas for requests that are not polls; a poll's verdict comes with the read itself (`store`)."""

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(load("limit"))

    async def check(self, quota: Quota, owner: str) -> Verdict:
        """Count one request of `owner`. Raises `QuotaExceeded`, `StoreUnavailable`, `StoreFull`."""
        with store_errors():
            reply = await self._script(keys=[keys.limit(quota.bucket, owner)], args=[quota.limit, quota.window_ms])
        verdict = verdict_of(quota, reply)
        if not verdict.allowed:
            raise refusal(quota, verdict)
        return verdict


def verdict_of(quota: Quota, reply: Sequence[int]) -> Verdict:
    """The verdict in what `gcra` returns: allowed, remaining, reset_ms, retry_after_ms."""
    allowed, remaining, reset_ms, retry_after_ms = reply
    return Verdict(bool(allowed), quota.limit, remaining, _seconds(reset_ms), _seconds(retry_after_ms))


def fields(quota: Quota, verdict: Verdict) -> dict[str, str]:
    """The header fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, 3 and 4)."""
    return {
        "RateLimit-Policy": f'"{quota.bucket}";q={quota.limit};w={quota.window_s}',
        "RateLimit": f'"{quota.bucket}";r={verdict.remaining};t={verdict.reset_s}',
    }


def refusal(quota: Quota, verdict: Verdict) -> QuotaExceeded:
    """The 429 for a verdict that is not `allowed`. `Retry-After` never ends before the window in `RateLimit` (6)."""
    return QuotaExceeded(
        f"At most {quota.limit} {quota.bucket} in {quota.window_s} s are allowed; retry in {verdict.retry_after_s} s.",
        headers={"Retry-After": str(verdict.retry_after_s), **fields(quota, verdict)},
        extra={"violated-policies": [quota.bucket]},
    )


def _seconds(duration_ms: int) -> int:
    return -(-duration_ms // 1000)
