"""Taking the steps of a flow over httpx2, and blocking meanwhile."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, TypeVar

import httpx2

from pollable.client.address import FAILURES, Address
from pollable.client.steps import Answer, Flow, Listen, NextEvent, Pause, Reply, Step, Told

T = TypeVar("T")


class Carrier:
    """`last` is the last answer that came."""

    def __init__(self, address: Address, transport: httpx2.BaseTransport | None = None) -> None:
        self.address = address
        self.http = httpx2.Client(**address.options, transport=transport)
        self.last: Answer | None = None

    def run(self, flow: Flow[T]) -> T:
        """What the flow returns."""
        with closing(_Stream(self)) as stream:
            try:
                step = next(flow)
                while True:
                    step = flow.send(self._take(step, stream))
            except StopIteration as end:
                value: T = end.value
                return value

    def tell(self, flow: Flow[None]) -> Iterator[Any]:
        """What the flow tells."""
        with closing(_Stream(self)) as stream:
            step = next(flow, None)
            while step is not None:
                if isinstance(step, Told):
                    yield step.value
                try:
                    step = flow.send(self._take(step, stream))
                except StopIteration:
                    return

    def _take(self, step: Step, stream: "_Stream") -> Reply:
        match step:
            case Told():
                return None
            case Pause():
                time.sleep(step.seconds)
                return None
            case Listen():
                return stream.open(step)
            case NextEvent():
                return stream.next()
        try:
            response = self.http.request(**self.address.call(step))
        except FAILURES as error:
            return self.address.unreachable(error)
        self.last = self.address.answer(step, response)
        return self.last


class _Stream:
    """At most one stream of events at a time."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._open = ExitStack()
        self._events: Iterator[httpx2.ServerSentEvent] = iter(())

    def open(self, step: Listen) -> Reply:
        self.close()
        address = self._carrier.address
        try:
            response = self._open.enter_context(self._carrier.http.stream(**address.call(step.request)))
        except FAILURES as error:
            return address.unreachable(error)
        self._events = iter(httpx2.EventSource(response, max_event_size=None))
        self._carrier.last = address.answer(step.request, response)
        return self._carrier.last

    def next(self) -> Reply:
        try:
            event = next(self._events, None)
        except FAILURES as error:
            return self._carrier.address.unreachable(error)
        return None if event is None else event.data

    def close(self) -> None:
        self._open.close()
