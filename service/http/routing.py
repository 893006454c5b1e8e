"""The routes of a deployment: of the envelopes that are on, of its job types, of its operators."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from starlette.routing import BaseRoute, Route, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from service.auth import require
from service.envelopes import Envelope, Verb
from service.envelopes.answer import Answer
from service.errors import MethodNotAllowed, SettingsError
from service.http.handlers import Call, Handler, Handlers
from service.http.openapi import OpenAPI
from service.http.ops import Health, Readiness
from service.http.poll import Poll
from service.http.problems import ENVELOPE
from service.http.quotas import Bucket, quota_of
from service.http.replies import send_answer, send_read
from service.http.services import Services

log = logging.getLogger("pollable.http")


class Access(msgspec.Struct, frozen=True):
    """What a verb needs, and what it counts against."""

    handler: Callable[[Handlers, Call], Awaitable[Answer]]
    scope: str
    bucket: Bucket


ACCESS = {
    Verb.SUBMIT: Access(Handlers.submit, "jobs:write", Bucket.WRITES),
    Verb.CANCEL: Access(Handlers.cancel, "jobs:write", Bucket.WRITES),
    Verb.RERUN: Access(Handlers.rerun, "jobs:write", Bucket.WRITES),
    Verb.DELETE: Access(Handlers.delete, "jobs:write", Bucket.WRITES),
    Verb.LIST: Access(Handlers.list_jobs, "jobs:read", Bucket.READS),
    Verb.RESULT: Access(Handlers.result, "jobs:read", Bucket.READS),
    Verb.TYPES: Access(Handlers.job_types, "jobs:read", Bucket.READS),
}


class Endpoint:
    """One verb as an ASGI callable: who asks, may they, how often; then the handler."""

    def __init__(self, handler: Handler, access: Access, *, envelope: Envelope, services: Services) -> None:
        self._handler = handler
        self._scope = access.scope
        self._quota = quota_of(services.settings, envelope, access.bucket)
        self._authenticator = services.authenticator
        self._limiter = services.limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        principal = await self._authenticator.authenticate(headers.get(b"authorization"))
        require(principal, self._scope)
        if self._quota is not None:
            await self._limiter.check(self._quota, principal.owner)
        answer = await self._handler(Call(scope, receive, headers, principal))
        if scope["method"] in ("GET", "HEAD"):
            await send_read(scope, send, answer, if_none_match=headers.get(b"if-none-match"))
        else:
            await send_answer(scope, send, answer)


class Resource:
    """One path: its methods, each in the words of an envelope."""

    def __init__(self) -> None:
        self._methods: dict[str, tuple[Envelope | None, ASGIApp]] = {}

    def add(self, method: str, app: ASGIApp, envelope: Envelope | None) -> bool:
        """Whether the method was free."""
        return self._methods.setdefault(method, (envelope, app)) == (envelope, app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        found = self._methods.get(method)
        if found is None:
            scope[ENVELOPE] = next(iter(self._methods.values()))[0]
            raise self._not_allowed()
        scope[ENVELOPE], app = found
        await app(scope, receive, send)

    def _not_allowed(self) -> MethodNotAllowed:
        allowed = ", ".join(sorted(self._methods | ({"HEAD": ()} if "GET" in self._methods else {})))
        return MethodNotAllowed(f"This route has {allowed}.", headers={"Allow": allowed})


class Table:
    """The paths of a deployment, each once."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}

    def add(self, method: str, path: str, app: ASGIApp, envelope: Envelope | None = None) -> None:
        """Raises `SettingsError`."""
        resource = self._resources.setdefault(path, Resource())
        if not resource.add(method, app, envelope):
            raise SettingsError(f"Two routes are {method} {path}; one of them must go elsewhere.")
        for other in self._resources:
            if other != path and _takes(other, path) and _takes(path, other):
                raise SettingsError(f"The routes {path} and {other} are the same; one of them must go elsewhere.")

    def routes(self) -> list[BaseRoute]:
        """In the order of their adding, but for a path that an earlier one would take: that goes before it."""
        ordered: list[str] = []
        for path in self._resources:
            taken = (at for at, earlier in enumerate(ordered) if _takes(earlier, path))
            ordered.insert(next(taken, len(ordered)), path)
        return [Route(path, self._resources[path]) for path in ordered]


def routes(services: Services) -> list[BaseRoute]:
    """All routes, polls first: a route costs each request that goes past it. Raises `SettingsError`."""
    table = Table()
    for envelope in services.envelopes.values():
        table.add("GET", envelope.read_path, _poll(envelope, services), envelope)
    for envelope in services.envelopes.values():
        handlers = Handlers(envelope, services)
        for route in envelope.routes:
            access = ACCESS[route.verb]
            endpoint = Endpoint(partial(access.handler, handlers), access, envelope=envelope, services=services)
            table.add(route.method, route.path, endpoint, envelope)
    _add_job_types(table, services)
    table.add("GET", "/healthz", Health())
    table.add("GET", "/readyz", Readiness(services.redis, services.settings.queues))
    table.add("GET", "/openapi.json", OpenAPI(services))
    return table.routes()


def _takes(path: str, other: str) -> bool:
    return compile_path(path)[0].match(other) is not None


def _poll(envelope: Envelope, services: Services) -> Poll:
    quota = quota_of(services.settings, envelope, Bucket.POLLS)
    return Poll(envelope, store=services.store, authenticator=services.authenticator, quota=quota)


def _add_job_types(table: Table, services: Services) -> None:
    for job_type in services.catalog:
        envelope = services.envelopes.get(job_type.envelope)
        if job_type.submit is None:
            continue
        if envelope is None:
            log.warning("no route %s: envelope %r is off", job_type.submit, job_type.envelope)
            continue
        handler = Handlers(envelope, services).submit_of(job_type)
        endpoint = Endpoint(handler, ACCESS[Verb.SUBMIT], envelope=envelope, services=services)
        table.add("POST", job_type.submit, endpoint, envelope)
