"""A module of job types with names of their own, for `pollable check` to find."""

import time

from pollable import job_type


@job_type("checked_rest")
def rest(seconds: float) -> str:
    """Sleep for that long."""
    time.sleep(seconds)
    return "rested"
