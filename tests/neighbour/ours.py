"""Job types of ours beside an application of others: what worker processes import."""

import time
from pathlib import Path

import msgspec

from pollable import JobError, job_type, report_progress


class Work(msgspec.Struct):
    pause_s: float = 0
    mark: str = ""
    needs: str = ""


@job_type("work", result_ttl_s=600, failure_ttl_s=600, max_attempts=3)
def work(work: Work) -> str:
    """Leaves a mark when it begins, and rests."""
    if work.mark:
        with Path(work.mark).open("a") as file:
            file.write("began\n")
    report_progress(1, "begun")
    time.sleep(work.pause_s)
    return "done"


@job_type("hopeless", result_ttl_s=600, failure_ttl_s=600)
def hopeless(work: Work) -> str:
    """Fails for good at its only attempt, until what it needs is there."""
    if not Path(work.needs).exists():
        raise JobError("not_there", "What it needs is not there.")
    return "done"


@job_type("hasty", result_ttl_s=600, failure_ttl_s=600, max_attempts=2, retry_delays_s=(8,))
def hasty(work: Work) -> str:
    """As above, with a second attempt a moment later."""
    if not Path(work.needs).exists():
        raise OSError("not there yet")
    return "done"


@job_type("persistent", result_ttl_s=600, failure_ttl_s=600, max_attempts=3, retry_delays_s=(3600,))
def persistent(_: Work) -> str:
    """Fails for a reason that may pass: waits long for its next attempt."""
    raise OSError("no answer yet")
