"""Where a service is and who asks there, as httpx2 is told."""

from typing import Any

import httpx2

from pollable.client.place import Place
from pollable.client.steps import Answer, Request

CONNECT_S = 5.0
# A wait is a connection; whoever waits for many jobs at once opens many.
LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
FAILURES = (httpx2.TransportError, httpx2.DecodingError)
"""What httpx2 raises where there is no answer, or none that can be read."""


class Address(Place, frozen=True):
    """A place as the arguments of httpx2's calls."""

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of either of httpx2's clients."""
        return {
            "headers": self.headers,
            "trust_env": self.is_behind_proxies,
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
