"""Job types of a newer deployment: those of the older one, and one more."""

from pollable import job_type
from tests.neighbour.ours import Work, hopeless, work

__all__ = ["fresh", "hopeless", "work"]


@job_type("fresh", result_ttl_s=600, failure_ttl_s=600)
def fresh(_: Work) -> str:
    """What the older deployment knows nothing of."""
    return "fresh"
