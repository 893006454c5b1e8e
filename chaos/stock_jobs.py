"""The same jobs as an application by hand has them: plain functions, for RQ's own worker."""

import os
import time
import uuid

from rq import get_current_job

from chaos import journal


def note(event: str) -> None:
    """RQ counts no attempts."""
    job = get_current_job()
    assert job is not None
    journal.note(event, job.id)


def nap(nap_s: float) -> str:
    """Differs between any two executions."""
    note("start")
    time.sleep(nap_s)
    note("end")
    return uuid.uuid4().hex


def nap_at_first(nap_s: float) -> str:
    """Naps in its first execution alone."""
    job = get_current_job()
    assert job is not None
    began = job.connection.incr(f"began:{job.id}")
    note("start")
    time.sleep(nap_s if began == 1 else 0.05)
    note("end")
    return f"{os.getpid()}"
