"""Reading one web site and nothing else: its addresses, who may be asked, and what comes back within limits.

A caller chooses what this reads, so it must not become a way into the network that the worker stands in. A name is
looked up once. Every address that it has must be a public one, or lie in a network that the operator opened with
CRAWLER_NETWORKS (such as `127.0.0.0/8,10.1.0.0/16`); connections go to these addresses, whatever the name means by
then. No redirect is followed here, no proxy is asked, and nothing is unpacked.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Event, Timer
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from pollable import JobError
from pollable.examples.robots import normal

PRODUCT = "pollable-crawler"
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-][a-z0-9_.-]*|[0-9a-f:.]+")
_LONGEST = 1_000
# Global unicast; what lies outside, such as mapped and translated addresses, may lead to private ones.
_IPV6 = ip_network("2000::/3")


class FetchError(Exception):
    """Why nothing came back: `timeout`, `unreachable`, `packed` though plain was asked for, or `broken` HTTP."""


class Reply(msgspec.Struct, frozen=True):
    """What the site answered; the body is empty unless the answer is 200 and of a type that was asked for."""

    status: int
    content_type: str
    charset: str
    location: str
    body: bytes
    truncated: bool


class Site:
    """The scheme, host and port of an address. Raises `JobError` for one that must not be asked."""

    def __init__(self, url: str) -> None:
        start = address(url)
        if start is None:
            raise JobError("address_invalid", "An address is http:// or https://, a host and a path, with no password.")
        self.start = start
        parts = urlsplit(start)
        self._tls = parts.scheme == "https"
        self._netloc, self._host = parts.netloc, str(parts.hostname)
        self._port = parts.port or _PORTS[parts.scheme]
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._addresses = _public_addresses(self._host, self._port)

    def has(self, url: str) -> bool:
        """Whether an address, as `address` spells it, is one of this site."""
        return url.startswith(f"{self._origin}/")

    def path(self, url: str) -> str:
        """The path and query of one of the site's addresses."""
        return url.removeprefix(self._origin)

    def get(self, path: str, *, limit: int, within_s: float, types: frozenset[str] | None = None) -> Reply:
        """Ask for a path; reads at most `limit` bytes of a body. Raises `FetchError`."""
        expired = Event()
        try:
            with self._asked(path, within_s=within_s, expired=expired) as response:
                reply = _read(response, limit=limit, types=types)
        except (OSError, HTTPException) as error:
            is_late = expired.is_set() or isinstance(error, TimeoutError)
            is_spoken = isinstance(error, HTTPException)
            raise FetchError("timeout" if is_late else "broken" if is_spoken else "unreachable") from None
        if expired.is_set():
            raise FetchError("timeout")
        return reply

    @contextmanager
    def _asked(self, path: str, *, within_s: float, expired: Event) -> Iterator[HTTPResponse]:
        channel = self._connected(within_s)

        def give_up() -> None:
            # A timeout of the socket's own begins anew with each byte that trickles in.
            expired.set()
            with suppress(OSError):
                # Not that of an SSLSocket, which takes the encryption off while the other thread reads.
                socket.socket.shutdown(channel, socket.SHUT_RDWR)

        watch = Timer(within_s, give_up)
        watch.daemon = True
        watch.start()
        try:
            if isinstance(channel, ssl.SSLSocket):
                channel.do_handshake()
            connection = HTTPConnection(self._host, self._port)
            # It has the connection to an address that was looked at, and must open no other.
            connection.sock, connection.auto_open = channel, 0
            headers = {"Host": self._netloc, "User-Agent": f"{PRODUCT}/1.0", "Accept-Encoding": "identity"}
            connection.request("GET", path, headers=headers | {"Connection": "close"})
            with connection.getresponse() as response:
                yield response
        finally:
            watch.cancel()
            channel.close()

    def _connected(self, within_s: float) -> socket.socket:
        for at, one in enumerate(self._addresses, start=1):
            try:
                channel = socket.create_connection((one, self._port), timeout=within_s / len(self._addresses))
            except OSError:
                if at == len(self._addresses):
                    raise
                continue
            channel.settimeout(within_s)
            if not self._tls:
                return channel
            context = ssl.create_default_context()
            return context.wrap_socket(channel, server_hostname=self._host, do_handshake_on_connect=False)
        raise AssertionError("a site has at least one address")


def address(url: str, *, base: str = "") -> str | None:
    """Write an address without fragment, in the one form of all that mean the same; None for what is no page's."""
    if len(url) > _LONGEST:
        return None
    try:
        parts = urlsplit(urljoin(base, url))
        port, host = parts.port, parts.hostname or ""
        host = host if ":" in host else host.encode("idna").decode()
    except ValueError:
        return None
    return _written(parts, host=host, port=port)


def _written(parts: SplitResult, *, host: str, port: int | None) -> str | None:
    if parts.scheme not in _PORTS or "@" in parts.netloc or not _HOST.fullmatch(host):
        return None
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port in {None, _PORTS[parts.scheme]} else f"{shown}:{port}"
    query = f"?{normal(parts.query)}" if parts.query else ""
    url = f"{parts.scheme}://{netloc}{_without_dots(normal(parts.path))}{query}"
    return url if len(url) <= _LONGEST else None


def _without_dots(path: str) -> str:
    """Follow the dots of a path, so that /x/../private is known for what it is."""
    kept: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if parts and parts[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _public_addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise JobError("site_unknown", f"There is no host {host!r}.") from None
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    # An environment variable of the example's own; Pollable reads its settings elsewhere.
    opened = os.environ.get("CRAWLER_NETWORKS", "")  # noqa: TID251
    networks = [ip_network(part.strip()) for part in opened.split(",") if part.strip()]
    for one in map(ip_address, addresses):
        if not _is_public(one) and not any(one in network for network in networks):
            raise JobError(
                "address_refused",
                f"{host!r} is not on the public internet. The operator can open a network with CRAWLER_NETWORKS.",
            )
    return addresses


def _is_public(one: IPv4Address | IPv6Address) -> bool:
    if not one.is_global or one.is_multicast:
        return False
    return isinstance(one, IPv4Address) or (one in _IPV6 and one.sixtofour is None)


def _read(response: HTTPResponse, *, limit: int, types: frozenset[str] | None) -> Reply:
    kind = response.headers.get_content_type() if response.headers.get("content-type") else ""
    body = b""
    if response.status == 200 and (types is None or kind in types):
        body = _body(response, limit)
    charset = response.headers.get_content_charset() or ""
    # Headers are read as Latin-1, and addresses are written in UTF-8.
    location = response.headers.get("location", "").encode("latin-1", "replace").decode("utf-8", "replace")
    return Reply(response.status, kind, charset, location, body[:limit], len(body) > limit)


def _body(response: HTTPResponse, limit: int) -> bytes:
    # A small body can hold a huge one.
    if response.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise FetchError("packed")
    if not response.chunked:
        body = response.read(limit + 1)
        if len(body) <= limit and response.length:
            raise IncompleteRead(body, response.length)
        return body
    # read() believes the length of a chunk, be it negative, and then reads without end.
    parts = bytearray()
    while len(parts) <= limit and (part := response.read1(limit)):
        parts += part
    return bytes(parts)
