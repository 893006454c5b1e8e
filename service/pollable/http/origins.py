"""The names that the service answers to, and the pages that may call it.

Where everyone is let in, strangers come through browsers: a page whose name was made to point here reads whatever is
here as its own (DNS rebinding), and any page can send a request, if not read the answer. Tokens stop both.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Scope

from pollable.errors import ForeignPage, UnknownHost
from pollable.settings import Settings
from pollable.settings.fronts import is_loopback, normal_host

STRANGER = "pollable.stranger"
"""In the ASGI scope of a request that is answered under any name."""

PROBES = ("/healthz", "/livez", "/readyz")
"""Platforms ask for them at an address that nobody can know before."""

CORS: dict[str, Any] = {
    "allow_methods": ("GET", "HEAD", "POST", "DELETE"),
    "allow_headers": (
        *("Authorization", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer"),
        *("Traceparent", "Tracestate", "X-Request-ID"),
    ),
    # What a page may read of an answer; the rest of what is sent, such as Content-Type, it may read in any case.
    "expose_headers": (
        *("ETag", "Idempotency-Replayed", "Link", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy"),
        *("Retry-After", "WWW-Authenticate", "X-Request-ID"),
    ),
    # Chromium believes no preflight for longer than two hours, Firefox for a day.
    "max_age": 7200,
}
"""What pages of `POLLABLE_CORS_ORIGINS` may do (Fetch standard, section 3.2): no cookies, `Authorization` instead."""

MOST_KNOWN = 1024

# RFC 9110, section 7.2; an address of IPv6 is in brackets.
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]{0,5})?")


class Origins:
    """Whom the settings answer; `find_words` puts into the scope of a refusal the envelope that words it."""

    def __init__(self, settings: Settings, find_words: Callable[[Scope], None]) -> None:
        self._hosts = frozenset(settings.hosts)
        self.takes_any = "*" in self._hosts or not (self._hosts or settings.is_open)
        self.takes_pages = not settings.is_open
        self._named_pages = frozenset(origin.encode() for origin in settings.cors_origins)
        self._find_words = find_words
        # As they are written by those who were answered: most are looked up, and not read again.
        self._known: set[bytes] = set()

    def require(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Raises `UnknownHost` and `ForeignPage`."""
        host = headers.get(b"host", b"")
        if not self.takes_any and host not in self._known and not self._learn(host):
            if scope["path"].removeprefix(scope.get("root_path", "")) not in PROBES:
                self._find_words(scope)
                raise UnknownHost("The Host that was asked for is none of the service's, which POLLABLE_HOSTS names.")
            scope[STRANGER] = True
        if self.takes_pages or headers.get(b"origin") in self._named_pages:
            return
        if not _is_own(scope, headers, host):
            self._find_words(scope)
            raise ForeignPage("The request comes from a page of another origin.")

    def _learn(self, host: bytes) -> bool:
        found = _HOST.fullmatch(host)
        name = normal_host(found[1].decode("latin-1")) if found else None
        is_ours = name is not None and (name in self._hosts or is_loopback(name))
        if is_ours and len(self._known) < MOST_KNOWN:
            self._known.add(host)
        return is_ours


def _is_own(scope: Scope, headers: Mapping[bytes, bytes], host: bytes) -> bool:
    """Whether no page sent it, or one of the service's own, or whether it follows a link."""
    site = headers.get(b"sec-fetch-site")
    if site is None:
        # An older browser, or one that came over plain HTTP. The scheme is not compared: a proxy may have ended TLS.
        origin = headers.get(b"origin")
        return origin is None or origin.partition(b"://")[2].lower() == host.lower() != b""
    follows_link = headers.get(b"sec-fetch-mode") == b"navigate" and scope["method"] in ("GET", "HEAD")
    return follows_link or site in (b"same-origin", b"none")
