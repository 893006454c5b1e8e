"""Requests to a running service, with the standard library alone: no extra is needed for the command line."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from time import sleep
from typing import Any, TypeVar

import click
import msgspec

from pollable import __version__
from pollable.client.errors import Unreachable
from pollable.client.place import Place
from pollable.client.steps import Answer, Flow, Pause, Reply, Request, Step, Told

T = TypeVar("T")
AGENT = {"User-Agent": f"pollable/{__version__}"}


class UnreachableError(click.ClickException):
    """Nothing answers at the address."""


class _Unfollowed(urllib.request.HTTPRedirectHandler):
    # The address that it leads to is not the one that was given a token.
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Carrier:
    """Takes the steps of a flow that makes requests; `last` is the last answer that came.

    `heed` is called with every answer, and with an `Unreachable` where there is none.
    """

    def __init__(self, place: Place, *, heed: Callable[[Reply], None] = lambda _: None) -> None:
        self.last: Answer | None = None
        self._place = place
        self._heed = heed
        through = urllib.request.ProxyHandler(None if place.is_behind_proxies else {})
        self._opener = urllib.request.build_opener(through, _Unfollowed())

    def run(self, flow: Flow[T], told: Callable[[Any], None] = lambda _: None) -> T:
        """What the flow returns; what it tells goes to `told`."""
        try:
            step = next(flow)
            while True:
                step = flow.send(self._take(step, told))
        except StopIteration as end:
            value: T = end.value
            return value

    def send(self, request: Request) -> Answer | Unreachable:
        """What becomes of one request."""
        sent = urllib.request.Request(  # noqa: S310 - a Place is http or https
            self._place.url + request.path,
            data=request.body,
            headers={**AGENT, **self._place.headers, **request.headers},
            method=request.method,
        )
        try:
            with self._opener.open(sent, timeout=request.timeout_s) as answer:
                return _read(sent, answer.status, answer)
        except urllib.error.HTTPError as refusal:
            return self._refused(sent, refusal)
        except (OSError, http.client.HTTPException) as error:
            return self._place.unreachable(getattr(error, "reason", None) or error)

    def _refused(self, sent: urllib.request.Request, refusal: urllib.error.HTTPError) -> Answer | Unreachable:
        try:
            with refusal:
                return _read(sent, refusal.code, refusal)
        except (OSError, http.client.HTTPException) as error:
            return self._place.unreachable(error)

    def _take(self, step: Step, told: Callable[[Any], None]) -> Reply:
        match step:
            case Told():
                told(step.value)
                return None
            case Pause():
                sleep(step.seconds)
                return None
            case Request():
                reply = self.send(step)
                self.last = reply if isinstance(reply, Answer) else self.last
                self._heed(reply)
                return reply
        raise TypeError(f"{step!r} is no step that this one takes")


class Response(msgspec.Struct, frozen=True):
    """One response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The decoded body; None where it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class Api:
    """A service of this command's own, asked once for each call."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._carrier = Carrier(Place(url, {}))

    def get(self, path: str) -> Response:
        """Raises `UnreachableError`."""
        return self._send(Request(path=path))

    def post(self, path: str, value: object) -> Response:
        """Raises `UnreachableError`."""
        headers = {"content-type": "application/json"}
        return self._send(Request(method="POST", path=path, body=msgspec.json.encode(value), headers=headers))

    def _send(self, request: Request) -> Response:
        reply = self._carrier.send(request)
        if isinstance(reply, Unreachable):
            raise UnreachableError(str(reply))
        return Response(reply.status, reply.body)


def _read(sent: urllib.request.Request, status: int, response: Any) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(sent.full_url, status, headers, response.read())
