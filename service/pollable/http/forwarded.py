"""What stands in front: which address called, by which scheme, and below which path the caller sees the service.

`X-Forwarded-For`, `-Proto` and `-Prefix` are believed from peers that the settings name as trusted, and from no others.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote

from starlette.types import Scope

from pollable.settings import Settings
from pollable.settings.fronts import UNIX, network, normal_prefix

PREFIX = "pollable.prefix"
"""Where the ASGI scope has what the caller's paths begin with: empty, or `/some/path`."""

FOR, PROTO, PREFIXED = b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-prefix"

# What a path may hold as it is (RFC 3986, section 3.3), but for what separates links in a header.
_PATH = "/!$&'()*+=:@"
# What proxies write: an address, of IPv6 in brackets where a port follows.
_HOP = re.compile(r"\[(?P<v6>[0-9A-Fa-f:.]+)\](?::(?P<v6_port>[0-9]{1,5}))?|(?P<v4>[0-9.]+)(?::(?P<port>[0-9]{1,5}))?")
_BARE = re.compile(r"[0-9A-Fa-f:.]{2,45}")

Address = IPv4Address | IPv6Address


class Front:
    """The proxies of a deployment."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.path_prefix
        self._networks = [network(name) for name in settings.trusted_proxies if name != UNIX]
        self._trusts_unix = UNIX in settings.trusted_proxies
        self._trusts_nobody = not settings.trusted_proxies

    def settle(self, scope: Scope) -> None:
        """Put into the scope who called and how, in place of the proxy, and `PREFIX`."""
        prefix = self._prefix
        if not self._trusts_nobody and self._trusts_peer(scope):
            prefix = self._believe(scope)
        if scope.get("root_path"):
            prefix = _before_root(scope, prefix) + _quoted(scope["root_path"])
        scope[PREFIX] = prefix

    def _trusts_peer(self, scope: Scope) -> bool:
        client = scope.get("client")
        if client is None:
            return self._trusts_unix
        address = _address(client[0])
        return address is not None and self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in each for each in self._networks)

    def _believe(self, scope: Scope) -> str:
        said: dict[bytes, list[str]] = {FOR: [], PROTO: [""], PREFIXED: [""]}
        for name, value in scope["headers"]:
            if name in said:
                # Several lines are one list (RFC 9110, section 5.3).
                said[name] += value.decode("latin-1").split(",")
        # Of the other two the last counts, which the nearest proxy wrote, whatever others wrote before.
        scheme, prefix = said[PROTO][-1].strip().lower(), said[PREFIXED][-1].strip()
        scope["client"] = self._caller(said[FOR]) or scope.get("client")
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        path = normal_prefix(prefix) if prefix else None
        return self._prefix if path is None else path

    def _caller(self, hops: list[str]) -> tuple[str, int] | None:
        """The nearest hop that is no trusted proxy, else the farthest; behind what is no address, all is hearsay."""
        caller = None
        for text in filter(None, map(str.strip, reversed(hops))):
            hop = _hop(text)
            if hop is None:
                break
            address, port = hop
            caller = (str(address), port)
            if not self._trusts(address):
                break
        return caller


def _hop(text: str) -> tuple[Address, int] | None:
    found = _HOP.fullmatch(text)
    host = (found["v6"] or found["v4"]) if found else text
    port = int(found["v6_port"] or found["port"] or 0) if found else 0
    address = _address(host) if _BARE.fullmatch(host) else None
    return None if address is None or port > 65535 else (address, port)


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # ::ffff:10.0.0.1 is 10.0.0.1, as a socket of both families shows it.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _before_root(scope: Scope, prefix: str) -> str:
    root_path: str = scope["root_path"]
    # Starlette's mounts add to root_path, and keep here what the server, or FastAPI(root_path=), was told.
    told = scope.get("app_root_path", root_path)
    if told and not scope["path"].startswith(root_path):
        # FastAPI leaves it out of the path, against ASGI; in a mount no route would be found.
        scope["path"] = told + scope["path"]
    return "" if prefix == _quoted(told) else prefix


def _quoted(root_path: str) -> str:
    # Where a mount took a part of the path that the caller chose, it may begin with two slashes, or hold a line feed.
    trimmed = root_path.strip("/")
    return f"/{quote(trimmed, safe=_PATH)}" if trimmed else ""
