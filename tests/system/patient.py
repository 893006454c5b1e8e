"""A user's module of job types, for the processes under test: a job that takes its time and may be run again."""

import time

from service import job_type


@job_type("nap", submit="/nap", envelope="plain", result_ttl_s=2, max_attempts=3)
def nap(seconds: float) -> str:
    """Sleep for that long."""
    time.sleep(seconds)
    return "rested"
