"""Jobs that go every way a job can: what the worker of `test_redis_users` runs."""

import time

import msgspec

from pollable import JobError, job_type, report_progress


class Way(msgspec.Struct):
    """How long an attempt takes, and how many of them fail."""

    pause_s: float = 0
    failures: int = 0


@job_type("go", max_attempts=3, retry_delays_s=(0,))
def go(way: Way) -> dict[str, int]:
    """Does as it is told, telling how far it is."""
    from pollable import job_context

    attempt = job_context().attempt
    for percent in range(0, 100, 10):
        report_progress(percent, "on the way")
        time.sleep(way.pause_s / 10)
    if attempt <= way.failures:
        raise JobError("not_yet", "Not this time.")
    return {"attempt": attempt}
