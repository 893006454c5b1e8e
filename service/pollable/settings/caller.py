"""What a client of a service is told by its environment: where the service is, and who asks."""

import os
from collections.abc import Mapping

import msgspec

URL, TOKEN = "POLLABLE_URL", "POLLABLE_TOKEN"


class Caller(msgspec.Struct, frozen=True):
    """Where the service is, and the bearer token; None where nothing is said."""

    url: str | None
    token: str | None

    def __repr__(self) -> str:
        # Whoever prints or logs it must not print a secret.
        return f"Caller({self.url!r}, ...)"


def from_environment(environ: Mapping[str, str] = os.environ) -> Caller:
    """The caller that the environment describes."""
    return Caller(environ.get(URL, "").strip() or None, environ.get(TOKEN, "").strip() or None)
