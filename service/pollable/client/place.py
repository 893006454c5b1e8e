"""Where a service is and who asks there, whatever carries the requests."""

import re
from typing import Self
from urllib.parse import urlsplit

import msgspec

from pollable.client.errors import Unreachable
from pollable.settings import caller

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_TOKEN = re.compile(r"[!-~]+")


class Place(msgspec.Struct, frozen=True):
    """The service's address, without a slash at its end, and the headers of each request."""

    url: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        # A header is a secret.
        return self.url

    @classmethod
    def of(cls, url: str | None, token: str | None) -> Self:
        """Of what is given, else of the environment. Raises ValueError for what is no address or token."""
        told = caller.from_environment()
        url, token = url or told.url, told.token if token is None else token
        if not url:
            raise ValueError(f"Say where the service is: Client(url), or {caller.URL} in the environment.")
        return cls(_checked(url), _headers(token.strip() if token else ""))

    @property
    def is_behind_proxies(self) -> bool:
        """Whether those of the environment may be used."""
        # http_proxy is often set without no_proxy, and no proxy can reach this host's loopback.
        return urlsplit(self.url).hostname not in LOOPBACK

    def unreachable(self, error: Exception) -> Unreachable:
        """What became of a request that was not answered."""
        return Unreachable(f"{self.url} does not answer: {str(error) or type(error).__name__}")


def _checked(url: str) -> str:
    parts = urlsplit(url)
    # First, since nothing below may repeat a password.
    if "@" in parts.netloc:
        raise ValueError("The service's address has no user or password in it; give a token.")
    # A port that is no number raises ValueError by itself.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address of a service, such as https://jobs.example or http://127.0.0.1:8000.")
    return url.rstrip("/")


def _headers(token: str) -> dict[str, str]:
    if not token:
        return {}
    if not _TOKEN.fullmatch(token):
        raise ValueError("The token has characters that no token has.")
    return {"authorization": f"Bearer {token}"}
