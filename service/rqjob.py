"""RQ's Job as we need it: it runs `execution.run` or nothing."""

from typing import Any

from rq.job import Job as RQJob

from service.fence import Claim
from service.rqdata import RUN


class ForbiddenFunction(Exception):
    """A hash in Redis names a function that is not ours to run."""


class Job(RQJob):
    """An RQ job that runs `execution.run` or nothing, with the claim under which it runs."""

    claim: Claim | None = None
    is_fenced_off = False
    # Names in a hash, as RQ imports and calls them; whoever can write Redis must not choose what runs here.
    success_callback = failure_callback = stopped_callback = None

    def restore(self, raw_data: Any) -> Any:
        super().restore(raw_data)
        self.webhooks = []

    def _execute(self) -> Any:
        if self.func_name != RUN or self.instance:
            raise ForbiddenFunction(f"Only {RUN} may run here, not {self.func_name}.")
        return super()._execute()


def claimed(job: RQJob) -> Claim:
    """The claim under which this worker runs the job; RQ's signatures know only RQ's own Job."""
    assert isinstance(job, Job)
    assert job.claim is not None
    return job.claim


def is_fenced_off(job: RQJob) -> bool:
    """Whether the attempt is no longer the current one, so that RQ's bookkeeping must leave the job alone."""
    return isinstance(job, Job) and job.is_fenced_off
