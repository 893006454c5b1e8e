"""The job of which `bench.idle` measures how soon it begins."""

from pollable import job_type


@job_type("nothing")
def nothing(_payload: None) -> None:
    """Nothing."""
