"""The job that `bench.recovery` loses, and that `bench.emptying` takes away."""

import time

from pollable import job_type

LONG_S = 300


@job_type("sleep", max_attempts=2)
def sleep(_payload: None) -> None:
    """Sleep longer than any benchmark."""
    time.sleep(LONG_S)
