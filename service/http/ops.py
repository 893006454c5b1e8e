"""Whether the service is alive, and whether it is ready: for platforms, without credentials."""

from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis
from starlette.types import Receive, Scope, Send

from service import keys
from service.envelopes.answer import Answer
from service.errors import NoWorker
from service.http.replies import send_answer
from service.redisconnection import store_errors


class Health:
    """`GET /healthz`: this process answers. Asks nobody."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send_answer(scope, send, _ok())


class Readiness:
    """`GET /readyz`: Redis answers, and every queue of the deployment has a worker."""

    def __init__(self, redis: Redis, queues: Sequence[str]) -> None:
        self._redis = redis
        self._queues = queues

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        with store_errors():
            await self._redis.ping()
            idle = [queue for queue in self._queues if not await self._has_worker(queue)]
        if idle:
            detail = f"No worker listens on {', '.join(idle)}."
            raise NoWorker(detail, headers={"Retry-After": "5"}, extra={"queues": idle})
        await send_answer(scope, send, _ok())

    async def _has_worker(self, queue: str) -> bool:
        # RQ's set keeps the names of workers that were killed; the hash of such a worker has expired.
        names = await self._redis.smembers(f"{keys.RQ_PREFIX}workers:{queue}")
        return bool(names) and await self._redis.exists(*names) > 0


def _ok() -> Answer:
    return Answer(200, msgspec.json.encode({"status": "ok"}))
