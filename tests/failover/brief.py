"""Job types of the processes under test, which import it themselves: one that takes no time."""

from pollable import job_type


@job_type("brief", max_attempts=5)
def brief(number: int) -> int:
    return number
