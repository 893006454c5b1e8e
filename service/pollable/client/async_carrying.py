"""Taking the steps of a flow over httpx2, and awaiting each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

import httpx2

from pollable.client.address import FAILURES, Address
from pollable.client.steps import Answer, Flow, Listen, NextEvent, Pause, Reply, Step, Told

T = TypeVar("T")


class AsyncCarrier:
    """`last` is the last answer that came."""

    def __init__(self, address: Address, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.address = address
        self.http = httpx2.AsyncClient(**address.options, transport=transport)
        self.last: Answer | None = None

    async def run(self, flow: Flow[T]) -> T:
        """What the flow returns."""
        async with aclosing(_Stream(self)) as stream:
            try:
                step = next(flow)
                while True:
                    step = flow.send(await self._take(step, stream))
            except StopIteration as end:
                value: T = end.value
                return value

    async def tell(self, flow: Flow[None]) -> AsyncIterator[Any]:
        """What the flow tells."""
        async with aclosing(_Stream(self)) as stream:
            step = next(flow, None)
            while step is not None:
                if isinstance(step, Told):
                    yield step.value
                try:
                    step = flow.send(await self._take(step, stream))
                except StopIteration:
                    return

    async def _take(self, step: Step, stream: "_Stream") -> Reply:
        match step:
            case Told():
                return None
            case Pause():
                await asyncio.sleep(step.seconds)
                return None
            case Listen():
                return await stream.open(step)
            case NextEvent():
                return await stream.next()
        try:
            response = await self.http.request(**self.address.call(step))
        except FAILURES as error:
            return self.address.unreachable(error)
        self.last = self.address.answer(step, response)
        return self.last


class _Stream:
    """At most one stream of events at a time."""

    def __init__(self, carrier: AsyncCarrier) -> None:
        self._carrier = carrier
        self._open = AsyncExitStack()
        self._events: AsyncIterator[httpx2.ServerSentEvent] = _nothing()

    async def open(self, step: Listen) -> Reply:
        await self.aclose()
        address = self._carrier.address
        try:
            response = await self._open.enter_async_context(self._carrier.http.stream(**address.call(step.request)))
        except FAILURES as error:
            return address.unreachable(error)
        self._events = aiter(httpx2.EventSource(response, max_event_size=None))
        self._carrier.last = address.answer(step.request, response)
        return self._carrier.last

    async def next(self) -> Reply:
        try:
            event = await anext(self._events, None)
        except FAILURES as error:
            return self._carrier.address.unreachable(error)
        return None if event is None else event.data

    async def aclose(self) -> None:
        await self._open.aclose()


async def _nothing() -> AsyncIterator[httpx2.ServerSentEvent]:
    no_events: tuple[httpx2.ServerSentEvent, ...] = ()
    for event in no_events:
        yield event
