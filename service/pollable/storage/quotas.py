"""Quotas: how often an owner may ask. The state is in Redis, per bucket and owner; there is none in this process."""

from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis

from pollable.errors import InvalidParameter, QuotaExceeded
from pollable.storage import keys
from pollable.storage.connection import store_errors
from pollable.storage.scripts import source


class Quota(msgspec.Struct, frozen=True):
    """`limit` requests (1 or more) in any `window_s`, per owner. `bucket` is its name."""

    bucket: str
    limit: int
    window_s: int = 60

    @property
    def window_ms(self) -> int:
        """The window as `window.lua` takes it."""
        return self.window_s * 1000


class Verdict(msgspec.Struct, frozen=True):
    """What a quota said to one request.

    `reset_s` is when there will be more, `retry_after_s` when as many as were asked for; 0 when allowed.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int


class Limiter:
    """Quotas for requests that are not polls; a poll's verdict comes with the read itself (`store`)."""

    def __init__(self, redis: Redis) -> None:
        self._script = redis.register_script(source("limit"))

    async def check(self, quota: Quota, owner: str, *, cost: int = 1) -> Verdict | None:
        """Count `cost` requests of `owner`, all or none; None where Redis refuses to count.

        Raises `QuotaExceeded`, `StoreUnavailable`, and `InvalidParameter` for more than the quota ever lets in.
        """
        if cost > quota.limit:
            most = f"{quota.limit} are allowed in {quota.window_s} s"
            raise InvalidParameter(f"This counts as {cost} {quota.bucket}, and {most}: ask for fewer jobs at once.")
        arguments = [quota.limit, quota.window_ms, cost]
        with store_errors():
            reply = await self._script(keys=[keys.limit(quota.bucket, owner)], args=arguments)
        return allowed(quota, reply)


def allowed(quota: Quota, reply: Sequence[int]) -> Verdict | None:
    """The verdict of a request that was let in. Raises `QuotaExceeded`."""
    verdict = verdict_of(quota, reply)
    if verdict is not None and not verdict.allowed:
        raise refusal(quota, verdict)
    return verdict


def verdict_of(quota: Quota, reply: Sequence[int]) -> Verdict | None:
    """The verdict in what `window.lua` returns; None where Redis refuses to count."""
    if not reply:
        return None
    is_allowed, remaining, reset_ms, retry_after_ms = reply
    return Verdict(bool(is_allowed), quota.limit, remaining, _seconds(reset_ms), _seconds(retry_after_ms))


def fields(quota: Quota, verdict: Verdict) -> dict[str, str]:
    """The header fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10, 3 and 4)."""
    return {
        "RateLimit-Policy": f'"{quota.bucket}";q={quota.limit};w={quota.window_s}',
        "RateLimit": f'"{quota.bucket}";r={verdict.remaining};t={verdict.reset_s}',
    }


def refusal(quota: Quota, verdict: Verdict) -> QuotaExceeded:
    """The 429 for a verdict that is not `allowed`."""
    return QuotaExceeded(
        f"At most {quota.limit} {quota.bucket} in {quota.window_s} s are allowed; retry in {verdict.retry_after_s} s.",
        retry_after_s=verdict.retry_after_s,
        headers=fields(quota, verdict),
        extra={"violated-policies": [quota.bucket]},
    )


def _seconds(duration_ms: int) -> int:
    return -(-duration_ms // 1000)
