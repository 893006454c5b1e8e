"""Pollable: submit jobs to RQ over HTTP or from Python, and poll, wait or stream until they end."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pollable.api.awaiting import AsyncJobs
    from pollable.api.blocking import Jobs
    from pollable.api.job import Job
    from pollable.api.owner import Owner
    from pollable.app import create_app
    from pollable.catalog import job_type
    from pollable.catalog.hooks import horse_init, worker_init
    from pollable.errors import JobError
    from pollable.settings import Settings
    from pollable.worker.context import job_context, report_progress

__version__ = "0.1.0"

__all__ = [
    "AsyncJobs", "Job", "JobError", "Jobs", "Owner", "Settings", "__version__", "create_app", "horse_init",
    "job_context", "job_type", "report_progress", "worker_init",
]  # fmt: skip

# A worker has no use for the web framework, a web application none for workers, a test run that has no jobs for any.
_PLACES = {
    "AsyncJobs": "api.awaiting", "Job": "api.job", "JobError": "errors", "Jobs": "api.blocking", "Owner": "api.owner",
    "Settings": "settings", "create_app": "app", "horse_init": "catalog.hooks", "job_context": "worker.context",
    "job_type": "catalog", "report_progress": "worker.context", "worker_init": "catalog.hooks",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
