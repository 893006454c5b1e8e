"""The blocking client and the awaited one, under one set of tests."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest

from pollable.client import AsyncClient, AsyncJob, Client
from tests.clients.ours.between import Between, between
from tests.clients.people import token
from tests.system.running import Running

Make = Callable[..., Client]


class Blocked:
    """What is awaited, as if it blocked."""

    def __init__(self, awaited: Any, runner: asyncio.Runner) -> None:
        self._awaited = awaited
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._awaited, name)
        return self._called(member) if inspect.ismethod(member) else member

    def _called(self, method: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            bare = [each._awaited if isinstance(each, Blocked) else each for each in args]
            given = method(*bare, **options)
            if inspect.isasyncgen(given):
                return self._through(given)
            got = self._runner.run(given) if inspect.iscoroutine(given) else given
            return Blocked(got, self._runner) if isinstance(got, AsyncJob) else got

        return call

    def _through(self, told: Any) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(told, None)

        try:
            while (value := self._runner.run(following())) is not None:
                yield value
        finally:
            self._runner.run(told.aclose())


@pytest.fixture(params=["blocking", "awaited"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes clients of one kind."""
    with ExitStack() as stack:
        if request.param == "blocking":
            yield lambda *args: stack.enter_context(Client(*args))
            return
        runner = stack.enter_context(asyncio.Runner())

        def make(*args: Any) -> Client:
            client = AsyncClient(*args)
            stack.callback(lambda: runner.run(client.aclose()))
            return cast(Client, Blocked(client, runner))

        yield make


@pytest.fixture
def way(service: Running) -> Iterator[Between]:
    """What is between the client and the service."""
    with between(service.url) as server:
        yield server


@pytest.fixture
def client(make: Make, way: Between) -> Client:
    """A client of someone whom the service has never seen."""
    return make(way.url, token(f"caller-{next(_numbers)}"))


_numbers = iter(range(1_000_000))
