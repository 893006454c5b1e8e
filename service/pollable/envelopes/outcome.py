"""How a job ended, as envelopes show it: its result, or why there is none."""

import msgspec
from msgspec import Raw

from pollable.model import Failure, Job, State

_CANCELLED = Failure("cancelled", "The job was cancelled.")
_UNEXPLAINED = Failure("exception", "The job failed.")


def as_paged(job: Job) -> Job:
    """The job as the five pages show it: where RQ finished it but its result cannot be read, it failed.

    Their clients take whatever lies beside their word for success as the result, and save it.
    """
    if job.state is State.SUCCEEDED and job.error is not None:
        return msgspec.structs.replace(job, state=State.FAILED, rq_status="failed")
    return job


def result_of(job: Job) -> Raw | None:
    """The result's JSON, to be spliced in as it is; None unless the job succeeded."""
    if job.state is not State.SUCCEEDED or job.result is None:
        return None
    return Raw(job.result)


def failure_of(job: Job) -> Failure | None:
    """Why a failed or cancelled job has no result; None in every other state."""
    if job.state is State.FAILED:
        return job.error or _UNEXPLAINED
    if job.state is State.CANCELLED:
        return job.error or _CANCELLED
    return None
