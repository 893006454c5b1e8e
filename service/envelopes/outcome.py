"""How a job ended, as envelopes show it: its result, or why there is none."""

from msgspec import Raw

from service.model import Failure, Job, State

_CANCELLED = Failure("cancelled", "The job was cancelled.")
_UNEXPLAINED = Failure("exception", "The job failed.")


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
