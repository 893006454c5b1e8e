"""A look-up finds the route that Starlette's table would."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Receive, Scope, Send

from pollable.app import create_app
from pollable.http.routing import Shortcut
from pollable.settings import ENVELOPES, Settings
from tests.http.calling import JOB_TYPES, catalog_of
from tests.http.test_lifecycle import READS

SEVEN = Settings(auth="none", envelopes=(*ENVELOPES, "tests.envelopes.compact"))
ROUTES = create_app(SEVEN, catalog=catalog_of(*JOB_TYPES)).router.routes
FIRST = {READS[name].partition("?")[0] for name in ENVELOPES}
WORDS = ("jobs", "job_status", "api", "v1", "agent", "c", "healthz", "result", "a", "1", "", " ", "\n", "{id}")
PATHS = st.lists(st.sampled_from(WORDS), max_size=6).map(lambda words: "/" + "/".join(words))


class Noted:
    """A route's endpoint, or a table without one, that notes how it was called."""

    seen: list[object]

    def __init__(self, path: str) -> None:
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        route = scope.get("route")
        Noted.seen.append((self.path, scope.get("path_params"), scope.get("endpoint"), route and route.path))


def table(paths: list[str]) -> Router:
    router = Router([Route(path, Noted(path)) for path in paths], redirect_slashes=False)
    router.default = Noted("nowhere")
    return router


def called(app: Any, path: str, **more: object) -> list[object]:
    Noted.seen = []
    asyncio.run(_call(app, {"type": "http", "method": "GET", "path": path, "root_path": "", **more}))
    return Noted.seen


async def _call(app: Any, scope: dict[str, object]) -> None:
    await app(scope, None, None)


OURS = table([route.path for route in ROUTES if isinstance(route, Route)])
OF_OTHERS = table(["/a/1", "/a/{a}", "/{c}", "/{a}/jobs/{c}", "/jobs/{id}", "/c/{id}x", "/v1/{a:int}", "/api/{id}/id"])


@given(path=PATHS, root_path=st.sampled_from(["", "/api", "/v1/api"]))
@pytest.mark.parametrize("router", [OURS, OF_OTHERS], ids=["ours", "of others"])
def test_both_find_the_same(router: Router, path: str, root_path: str) -> None:
    assert called(Shortcut(router), path, root_path=root_path) == called(router, path, root_path=root_path)


def test_every_poll_is_found_by_the_look_up() -> None:
    polls: list[BaseRoute] = [route for route in ROUTES if isinstance(route, Route) and route.path in FIRST]
    assert len(polls) == len(FIRST)
    shortcut = Shortcut(table([route.path for route in ROUTES if isinstance(route, Route)]))
    # Nothing else can find them now.
    shortcut._router.routes.clear()
    for path in FIRST:
        assert called(shortcut, path.replace("{id}", "abc"))[0][0] == path  # type: ignore[index]
