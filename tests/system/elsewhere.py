"""A job type for a queue that a deployment may not have."""

from pollable import job_type


@job_type(queue="elsewhere")
def rest(payload: int) -> int:
    """Gives back what it was given."""
    return payload
