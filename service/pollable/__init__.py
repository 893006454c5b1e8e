"""Pollable: submit jobs to RQ over HTTP, and poll, wait or stream until they end."""

from typing import TYPE_CHECKING, Any

from pollable.catalog import job_type
from pollable.catalog.hooks import horse_init, worker_init
from pollable.errors import JobError
from pollable.settings import Settings
from pollable.worker.context import job_context, report_progress

if TYPE_CHECKING:
    from pollable.app import create_app

__version__ = "0.1.0"

__all__ = [
    "JobError", "Settings", "__version__", "create_app", "horse_init", "job_context", "job_type", "report_progress",
    "worker_init",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # A worker imports this package for job_type and has no use for the web framework.
    if name == "create_app":
        from pollable.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
