"""Requests to a running service, for the command line."""

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class UnreachableError(click.ClickException):
    """Nothing answers at the address."""


class Response(msgspec.Struct, frozen=True):
    """One response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body; None where it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None


class Api:
    """One service at one address, as one caller."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        # http_proxy is often set without no_proxy, and no proxy can reach this host's loopback.
        through = urllib.request.ProxyHandler({} if urlsplit(url).hostname in LOOPBACK else None)
        self._opener = urllib.request.build_opener(through)

    def get(self, path: str, *, prefer: str | None = None) -> Response:
        """Raises `UnreachableError`."""
        headers = {"Prefer": prefer} if prefer else {}
        return self._send(urllib.request.Request(self._url + path, headers=headers))  # noqa: S310 - the user's own address

    def post(self, path: str, value: object) -> Response:
        """Raises `UnreachableError`."""
        body, headers = json.dumps(value).encode(), {"Content-Type": "application/json"}
        return self._send(urllib.request.Request(self._url + path, data=body, headers=headers))  # noqa: S310 - as above

    def _send(self, request: urllib.request.Request) -> Response:
        for name, value in self._headers.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=40) as answer:
                return _read(answer.status, answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return _read(refusal.code, refusal)
        except OSError as error:
            raise UnreachableError(f"Nothing answers at {self._url}: {error}.") from None


def _read(status: int, response: Any) -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(status, headers, response.read())
