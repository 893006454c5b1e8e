"""Whether the service is alive, and whether it is ready: for platforms, without credentials."""

import time

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pollable.catalog import Catalog
from pollable.envelopes.answer import Answer
from pollable.errors import NoWorker, ServiceError, StoreUnavailable
from pollable.http.origins import STRANGER
from pollable.http.replies import send_answer
from pollable.http.services import Services
from pollable.settings import Settings
from pollable.storage import keys, risks
from pollable.storage.connection import store_errors
from pollable.storage.scripts import source

STOCK = "*"
"""Stands for RQ's own workers, which do not say what they know (`workers.lua`)."""
LOOK_EVERY_S = 1.0
"""However often it is asked, Redis is written to and looked at no more often."""


class Health:
    """`GET /healthz`: this process answers. Asks nobody."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send_answer(scope, send, _ok())


class Discreet:
    """Readiness, of which those who may not read jobs are told the word alone: its details name queues and types."""

    def __init__(self, readiness: ASGIApp, services: Services) -> None:
        self._readiness = readiness
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if await self._is_told_all(scope):
            await self._readiness(scope, receive, send)
            return
        statuses = []

        async def note(message: Message) -> None:
            statuses.append(message.get("status"))

        try:
            await self._readiness(scope, receive, note)
        except ServiceError as error:
            error.detail, error.extra = f"{error.title}.", {}
            raise
        if statuses[0] != 200:
            raise NoWorker(f"{NoWorker.title}.")
        await send_answer(scope, send, _ok())

    async def _is_told_all(self, scope: Scope) -> bool:
        try:
            await self._services.require_reader(scope)
        except ServiceError as error:
            if type(error) is StoreUnavailable:
                # Nothing more could be said, and asking again would take as long again.
                raise
            return False
        return STRANGER not in scope


class Readiness:
    """`GET /readyz`: Redis takes writes, and every queue of the deployment has a worker that was seen within 20 s.

    A process without job types takes no jobs, and asks for no workers.

    What may go wrong later is told, and is no reason to take this process out of service: a job type that no living
    worker knows, whose jobs wait; a Redis that may lose jobs; workers that disagree with this process.
    """

    def __init__(self, redis: Redis, *, settings: Settings, catalog: Catalog) -> None:
        self._redis = redis
        self._staffing = redis.register_script(source("staffing"))
        self._settings = settings
        self._announced = risks.announced(catalog)
        self._types: dict[str, set[str]] = {queue: set() for queue in settings.queues}
        for job_type in catalog:
            self._types[job_type.queue or settings.default_queue].add(job_type.name)
        self._looked_at = -LOOK_EVERY_S
        self._refusal: ServiceError | None = None
        self._of_redis: list[risks.Finding] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await self._require_writes()
        queues = self._settings.queues
        with store_errors():
            staffing = risks.Staffing.of(queues, await self._staffing(args=[keys.PREFIX, keys.RQ_PREFIX, *queues]))
        if self._announced and (idle := [queue for queue, known in staffing.known.items() if not known]):
            detail = f"No worker listens on {', '.join(idle)} (RQ_KEY_PREFIX is {keys.RQ_PREFIX[:-1]})."
            raise NoWorker(detail, extra={"queues": idle})
        told: dict[str, object] = {}
        if missing := self._missing(staffing):
            told["typesWithoutWorker"] = sorted(missing)
        found = risks.standing(self._of_redis, self._settings)
        if found := [*found, *risks.disagreements(staffing, self._settings, self._announced)]:
            told["risks"] = [{"risk": each.word, "remedy": each.remedy} for each in found]
        await send_answer(scope, send, _ok(**told))

    def _missing(self, staffing: risks.Staffing) -> set[str]:
        missing = set()
        for queue, known in staffing.known.items():
            if STOCK not in known:
                missing |= (self._types[queue] | staffing.waiting[queue]) - known
        return missing

    async def _require_writes(self) -> None:
        if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            self._refusal = await self._refused()
        if self._refusal is not None:
            raise type(self._refusal)(self._refusal.detail)

    async def _refused(self) -> ServiceError | None:
        try:
            with store_errors():
                await self._redis.eval(risks.PROBE, 1, risks.PROBE_KEY)
                self._of_redis = await risks.look_async(self._redis)
        except ServiceError as error:
            return error
        except ResponseError:
            return StoreUnavailable("The job store refuses what is written; try again.")
        return None


def _ok(**more: object) -> Answer:
    return Answer(200, msgspec.json.encode({"status": "ok", **more}))
