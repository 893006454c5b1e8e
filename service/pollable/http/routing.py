"""The routes of a deployment: of the envelopes that are on, of its job types, of its operators."""

import logging
from collections.abc import Awaitable, Iterable, Iterator
from http import HTTPStatus
from itertools import combinations

import msgspec
from starlette.routing import BaseRoute, Route, Router, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from pollable.auth.authenticator import require
from pollable.envelopes.envelope import Envelope, Verb
from pollable.errors import MethodNotAllowed, RouteNotFound, ServiceError, SettingsError
from pollable.http.events import Stream
from pollable.http.forwarded import PREFIX
from pollable.http.handlers import Call, submit_of
from pollable.http.health import Discreet, Health, Readiness
from pollable.http.lifetime import Lifetime
from pollable.http.openapi import OpenAPI
from pollable.http.pages import Page, pages_of
from pollable.http.poll import Poll
from pollable.http.problems import ENVELOPE
from pollable.http.queues import Queues
from pollable.http.replies import limited, ready, refused, send_answer, send_read
from pollable.http.services import Services
from pollable.http.verbs import ACTIONS, Action

log = logging.getLogger("pollable.http")


class Endpoint:
    """One verb as an ASGI callable: who asks, may they, how often; then the handler."""

    def __init__(self, action: Action, *, envelope: Envelope, services: Services) -> None:
        self._action = action
        self._services = services
        self._quota = services.quota(action.bucket, envelope=envelope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        authorization, scope_needed = headers.get(b"authorization"), self._action.scope
        to_write = scope_needed == "jobs:write"
        principal = await self._services.authenticator.authenticate(authorization, to_write=to_write)
        require(principal, scope_needed)
        verdict = None
        known = {"headers": headers, "principal": principal, "envelope": scope[ENVELOPE], "services": self._services}
        call = Call(scope=scope, receive=receive, **known)
        try:
            if self._quota is not None:
                cost = self._action.cost(scope, self._quota.limit)
                verdict = await self._services.limiter.check(self._quota, principal.owner, cost=cost)
            answer = limited(await self._action.handler(call), self._quota, verdict)
        except ServiceError as refusal:
            if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
                await self._services.refusals.pause(principal.owner)
            raise refused(refusal, self._quota, verdict) from None
        if isinstance(answer, Stream):
            await answer.send(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await send_read(scope, send, ready(answer), if_none_match=headers.get(b"if-none-match"))
        else:
            await send_answer(scope, send, answer)


class Resource:
    """One path: its methods, each in the words of an envelope, as long as the application runs."""

    def __init__(self, lifetime: Lifetime) -> None:
        self._lifetime = lifetime
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
        envelope, app = found
        prefix = scope[PREFIX]
        scope[ENVELOPE] = envelope.under(prefix) if envelope is not None and prefix else envelope
        if not self._lifetime.is_running and not isinstance(app, Health):
            self._lifetime.require()
        await app(scope, receive, send)

    def _not_allowed(self) -> MethodNotAllowed:
        allowed = ", ".join(sorted(self._methods | ({"HEAD": ()} if "GET" in self._methods else {})))
        return MethodNotAllowed(f"This route has {allowed}.", headers={"Allow": allowed})


class Shortcut:
    """Routes that a look-up finds, in front of Starlette's table, which tries one pattern after another.

    A path that is nothing but itself, and one that ends in `{id}` alone. What comes behind another kind of route in the
    table, which may take the same path, is left to the table, and so is what is mounted.
    """

    def __init__(self, router: Router) -> None:
        self._router, self._routes = router, dict[str, Route]()
        for route in router.routes:
            if not isinstance(route, Route) or route.path.count("{") > route.path.endswith("/{id}"):
                break
            self._routes[route.path] = route

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # A lifespan has no path.
        path: str = scope.get("path", "")
        beginning, _, end = path.rpartition("/")
        route = self._routes.get(path) or self._routes.get(beginning + "/{id}")
        if route is None or not end or scope.get("root_path"):
            return self._router(scope, receive, send)
        # As Starlette leaves it, for whoever names requests by their routes.
        scope["route"], scope["endpoint"] = route, route.endpoint
        scope["path_params"] = {"id": end} if route.param_convertors else {}
        return route.app(scope, receive, send)


class Nowhere:
    """Every path that there is not, refused in the words of the envelope whose paths begin so."""

    def __init__(self, services: Services) -> None:
        self._envelopes = {_beginning(envelope): envelope for envelope in services.envelopes.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        self.find_words(scope)
        raise RouteNotFound("There is nothing here.")

    def find_words(self, scope: Scope) -> None:
        """Put that envelope into the scope."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        beginnings = [beginning for beginning in self._envelopes if path.startswith(beginning)]
        if beginnings:
            scope[ENVELOPE] = self._envelopes[max(beginnings, key=len)]


def _beginning(envelope: Envelope) -> str:
    """`/v1/api/` of `/v1/api/jobs/{id}`."""
    return envelope.read_path.partition("{")[0].rstrip("/").rpartition("/")[0] + "/"


def routes(services: Services, *more: "Served") -> list[BaseRoute]:
    """All routes of a deployment, each once, in the order of the search. Raises `SettingsError`."""
    resources: dict[str, Resource] = {}
    for method, path, app, envelope in (*_served(services), *more):
        if not resources.setdefault(path, Resource(services.lifetime)).add(method, app, envelope):
            raise SettingsError(f"Two routes are {method} {path}; one of them must go elsewhere.")
    _require_distinct(resources)
    return [Route(path, resources[path]) for path in _ordered(resources)]


Served = tuple[str, str, ASGIApp, Envelope | None]
"""A method, a path, who answers there, and in whose words it is refused."""


def _served(services: Services) -> Iterator[Served]:
    # Polls first: a route costs each request that goes past it.
    for envelope in services.envelopes.values():
        yield "GET", envelope.read_path, Poll(envelope, services), envelope
    for envelope in services.envelopes.values():
        for route in envelope.routes:
            endpoint = Endpoint(ACTIONS[route.verb], envelope=envelope, services=services)
            yield route.method, route.path, endpoint, envelope
    yield from _own_submits(services)
    yield "GET", "/healthz", Health(), None
    readiness = Readiness(services.redis, settings=services.settings, catalog=services.catalog)
    yield "GET", "/readyz", Discreet(readiness, services), None
    if not services.settings.is_open:
        yield "GET", "/queues", Queues(services), None
    yield "GET", "/openapi.json", OpenAPI(services), None
    yield from (("GET", path, Page(path), None) for path in pages_of(services.settings))


def _own_submits(services: Services) -> Iterator[Served]:
    for job_type in services.catalog:
        envelope = services.envelopes.get(job_type.envelope)
        if job_type.submit is None:
            continue
        if envelope is None:
            log.warning("no route %s: envelope %r is off", job_type.submit, job_type.envelope)
            continue
        action = msgspec.structs.replace(ACTIONS[Verb.SUBMIT], handler=submit_of(job_type))
        yield "POST", job_type.submit, Endpoint(action, envelope=envelope, services=services), envelope


def _require_distinct(paths: Iterable[str]) -> None:
    for path, other in combinations(paths, 2):
        if _takes(other, path) and _takes(path, other):
            raise SettingsError(f"The routes {other} and {path} are the same; one of them must go elsewhere.")


def _ordered(paths: Iterable[str]) -> list[str]:
    """As they came, but for a path that an earlier one would take: that goes before it."""
    ordered: list[str] = []
    for path in paths:
        taken = (at for at, earlier in enumerate(ordered) if _takes(earlier, path))
        ordered.insert(next(taken, len(ordered)), path)
    return ordered


def _takes(path: str, other: str) -> bool:
    return compile_path(path)[0].match(other) is not None if "{" in path else path == other
