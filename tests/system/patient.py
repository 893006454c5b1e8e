"""A user's module of job types, for the processes under test: jobs that take their time and may be run again."""

import time

from pollable import job_type


@job_type("nap", submit="/nap", envelope="plain", result_ttl_s=2, max_attempts=3)
def nap(seconds: float) -> str:
    """Sleep for that long."""
    time.sleep(seconds)
    return "rested"


@job_type("doze", max_attempts=3)
def doze(seconds: float) -> str:
    """The same, and what came of it is kept for longer."""
    return nap(seconds)
