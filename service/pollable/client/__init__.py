"""A client of a service over HTTP: submit a job, wait, read its result. Two classes of one shape, `Client` blocks and
`AsyncClient` is awaited. Nothing here imports the service.
"""

from pollable.client.awaiting import AsyncClient, AsyncJob
from pollable.client.blocking import Client, Job
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
