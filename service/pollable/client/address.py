"""Where a service is and who asks there, as httpx2 is told."""

import re
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from pollable.client.errors import Unreachable
from pollable.client.steps import Answer, Request
from pollable.settings import caller

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECT_S = 5.0
# A wait is a connection; whoever waits for many jobs at once opens many.
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
FAILURES = (httpx2.TransportError, httpx2.DecodingError)
"""What httpx2 raises where there is no answer, or none that can be read."""

_TOKEN = re.compile(r"[!-~]+")


class Address(msgspec.Struct, frozen=True):
    """The service's address, without a slash at its end, and the headers of each request."""

    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        return self.url

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of either of httpx2's clients."""
        # http_proxy is often set without no_proxy, and no proxy can reach this host's loopback.
        trusts_environment = urlsplit(self.url).hostname not in LOOPBACK
        return {
            "headers": self.headers,
            "trust_env": trusts_environment,
            "follow_redirects": False,
            "limits": LIMITS,
        }

    def call(self, request: Request) -> dict[str, Any]:
        """Arguments of httpx2's `build_request`."""
        return {
            "method": request.method,
            "url": self.url + request.path,
            "content": request.body,
            "headers": request.headers,
            "timeout": httpx2.Timeout(request.timeout_s, connect=min(CONNECT_S, request.timeout_s)),
        }

    def answer(self, request: Request, response: httpx2.Response) -> Answer:
        """The response, with its body if it has been read."""
        body = response.content if response.is_stream_consumed else b""
        return Answer(self.url + request.path, response.status_code, dict(response.headers), body)

    def unreachable(self, error: httpx2.RequestError) -> Unreachable:
        """What became of a request that was not answered."""
        return Unreachable(f"{self.url} does not answer: {str(error) or type(error).__name__}")


def address_of(url: str | None, token: str | None) -> Address:
    """Of what is given, else of the environment. Raises ValueError for what is no address or token."""
    told = caller.from_environment()
    url, token = url or told.url, told.token if token is None else token
    if not url:
        raise ValueError(f"Say where the service is: Client(url), or {caller.URL} in the environment.")
    return Address(_checked(url), _headers(token.strip() if token else ""))


def _checked(url: str) -> str:
    parts = urlsplit(url)
    # A port that is no number raises ValueError by itself.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address of a service, such as https://jobs.example or http://127.0.0.1:8000.")
    if "@" in parts.netloc:
        raise ValueError("The service's address has no user or password in it; give a token.")
    return url.rstrip("/")


def _headers(token: str) -> dict[str, str]:
    if not token:
        return {}
    if not _TOKEN.fullmatch(token):
        raise ValueError("The token has characters that no token has.")
    return {"authorization": f"Bearer {token}"}
