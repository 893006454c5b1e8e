"""A client of a service over HTTP: submit a job, wait, read its result. Two classes of one shape, `Client` blocks and
`AsyncClient` is awaited. Nothing here imports the service.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pollable.client.errors import (
    ClientError,
    JobCancelled,
    JobExpired,
    JobFailed,
    Redirected,
    Refused,
    TimedOut,
    Unreachable,
)
from pollable.client.snapshot import Failure, Progress, Snapshot

if TYPE_CHECKING:
    from pollable.client.awaiting import AsyncClient, AsyncJob
    from pollable.client.blocking import Client, Job

# What needs httpx2, which the command line does without.
_CARRIED = {"AsyncClient": "awaiting", "AsyncJob": "awaiting", "Client": "blocking", "Job": "blocking"}

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "Client",
    "ClientError",
    "Failure",
    "Job",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "Progress",
    "Redirected",
    "Refused",
    "Snapshot",
    "TimedOut",
    "Unreachable",
]


def __getattr__(name: str) -> Any:
    if name not in _CARRIED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_CARRIED[name]}"), name)
