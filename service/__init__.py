"""Pollable: submit jobs to RQ over HTTP, and poll, wait or stream until they end."""

from typing import TYPE_CHECKING, Any

from service.catalog import job_type
from service.progress import JobError, job_context, report_progress
from service.settings import Settings

if TYPE_CHECKING:
    from service.app import create_app

__all__ = ["JobError", "Settings", "create_app", "job_context", "job_type", "report_progress"]


def __getattr__(name: str) -> Any:
    # A worker imports this package for job_type and has no use for the web framework.
    if name == "create_app":
        from service.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
