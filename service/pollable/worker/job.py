"""RQ's Job as we need it: it runs a claimed attempt or nothing."""

from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq.job import Job as RQJob
from rq.queue import Queue

from pollable.serializer import JSON, RUN
from pollable.worker.attempt import Attempt


class ForbiddenFunction(Exception):
    """A hash in Redis names a function that is not ours to run."""


class Job(RQJob):
    """An RQ job that names `execution.run` and runs its attempt, once a worker has claimed it.

    `rq worker --job-class pollable.worker.job.Job` runs ours with it, and nothing else that a hash may name.
    """

    attempt: Attempt | None = None
    # Names in a hash, as RQ imports and calls them; whoever can write Redis must not choose what runs here.
    success_callback = failure_callback = stopped_callback = None

    @classmethod
    def attempted(cls, attempt: Attempt, redis: Redis) -> "Job":
        """The job of that attempt as RQ has it. Raises whatever a damaged hash does."""
        job = cls(attempt.claim.job_id, redis, JSON)
        job.restore(attempt.claim.rq_hash)
        job.attempt = attempt
        return job

    def restore(self, raw_data: Any) -> Any:
        super().restore(raw_data)
        self.webhooks = []

    def retry(self, queue: Queue, pipeline: Pipeline) -> None:
        """Only counts: the record's script has put the job back on its way already, but for a plain `rq worker`."""
        if self.attempt is None:
            super().retry(queue, pipeline)
        elif self.retries_left:
            self.retries_left -= 1
            pipeline.hset(self.key, "retries_left", str(self.retries_left))

    def _execute(self) -> Any:
        if self.func_name != RUN or self.instance:
            raise ForbiddenFunction(f"Only {RUN} may run here, not {self.func_name}.")
        # A plain `rq worker` with this class claims within `run`.
        return self.attempt.run(self) if self.attempt else super()._execute()


def attempt_of(job: RQJob) -> Attempt:
    """The attempt as which this worker runs the job; RQ's signatures know only RQ's own Job."""
    assert isinstance(job, Job)
    assert job.attempt is not None
    return job.attempt


def is_fenced_off(job: RQJob) -> bool:
    """Whether the attempt is no longer the current one, so that RQ's bookkeeping must leave the job alone."""
    return isinstance(job, Job) and job.attempt is not None and job.attempt.is_fenced_off
