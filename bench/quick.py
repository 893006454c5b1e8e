"""The jobs that are measured: the least that a worker can be asked."""

from pollable import job_type


@job_type("nothing")
def nothing(_payload: None) -> None:
    """Nothing: `bench.idle` measures how soon it begins."""


@job_type("quick")
def quick(_payload: None) -> str:
    """Return at once: `bench.workers` measures how many there are in a second."""
    return "done"
