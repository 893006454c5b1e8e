"""A job as the service showed it at one moment."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

FINAL = frozenset(("succeeded", "failed", "cancelled"))


class Progress(msgspec.Struct, frozen=True):
    """How far a job has come, 0 to 100, and what it does now; None where nobody knows."""

    percent: int | None = None
    message: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why a job, or an attempt at it, failed: `code` is for programs, `message` for people."""

    code: str
    message: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All that the service tells of a job. Moments are UTC.

    `state` is `queued`, `scheduled`, `running`, `succeeded`, `failed` or `cancelled`; `result` is still JSON, and null
    in lists. What a newer service tells besides is passed over.
    """

    id: str
    type: str
    state: str = msgspec.field(name="status")
    progress: Progress = Progress()
    attempts: int = 0
    max_attempts: int = 1
    queue: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime | None = None
    expires_at: datetime | None = None
    run_at: datetime | None = None
    stalled: bool = False
    stalled_reason: str | None = None
    original_job_id: str | None = None
    context: Mapping[str, Any] = {}
    labels: Mapping[str, str] = {}
    last_error: Failure | None = None
    error: Failure | None = None
    result: Raw = Raw(b"null")
    links: Mapping[str, str | None] = {}

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINAL


class Page(msgspec.Struct, frozen=True):
    """Some of the caller's jobs, and what leads to the next ones."""

    jobs: list[Snapshot]
    cursor: str | None
