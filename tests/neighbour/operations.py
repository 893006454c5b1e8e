"""Every operation of RQ and its tools with which an operator speaks about a job."""

from collections.abc import Callable

import httpx
import msgspec
from redis import Redis
from rq import Queue
from rq.command import send_stop_job_command
from rq.exceptions import InvalidJobOperation
from rq.job import Job
from rq.registry import ScheduledJobRegistry

from pollable.serializer import JSON
from tests.rq.processes import ended


class RefusedByRQ(Exception):
    """RQ, or its tool, says that it does not do this to such a job."""


class Target(msgspec.Struct, frozen=True):
    """A job of ours, as those who know RQ alone see it."""

    redis: Redis
    url: str
    dashboard: httpx.Client
    queue_name: str
    job_id: str

    @property
    def job(self) -> Job:
        return Job.fetch(self.job_id, connection=self.redis, serializer=JSON)

    @property
    def queue(self) -> Queue:
        return Queue(self.queue_name, connection=self.redis, serializer=JSON)

    @property
    def scheduled(self) -> ScheduledJobRegistry:
        return ScheduledJobRegistry(self.queue_name, connection=self.redis, serializer=JSON)  # type: ignore[no-untyped-call] # RQ

    def rq(self, command: str, *arguments: str) -> str:
        done = ended(self.url, "rq", command, "-u", self.url, "--serializer", "json", *arguments)
        # It shows its users a traceback.
        if "InvalidJobOperation" in done.stderr:
            raise RefusedByRQ
        assert done.returncode == 0, done.stderr
        return done.stdout

    def post(self, path: str) -> None:
        if self.dashboard.post(path).status_code != 200:
            raise RefusedByRQ


OPERATIONS: dict[str, Callable[[Target], object]] = {
    "`Job.cancel()`": lambda at: at.job.cancel(),
    "`Job.delete()`": lambda at: at.job.delete(),
    "dashboard: delete": lambda at: at.post(f"/job/{at.job_id}/delete"),
    "`Queue.remove(job)`": lambda at: at.queue.remove(at.job),
    "`Queue.remove(job)`, stock worker about": lambda at: at.queue.remove(at.job),
    "`Queue.empty()`": lambda at: at.queue.empty(),  # type: ignore[no-untyped-call] # RQ
    "`rq empty`": lambda at: at.rq("empty", at.queue_name),
    "`Queue.delete()`": lambda at: at.queue.delete(),
    "dashboard: empty the queue": lambda at: at.post(f"/queue/{at.queue_name}/queued/empty"),
    "`ScheduledJobRegistry.remove(id)`": lambda at: at.scheduled.remove(at.job_id),
    "`….remove(id, delete_job=True)`": lambda at: at.scheduled.remove(at.job_id, delete_job=True),
    "`DEL rq:scheduled:…`": lambda at: at.redis.delete(f"rq:scheduled:{at.queue_name}"),
    "dashboard: empty *scheduled*": lambda at: at.post(f"/queue/{at.queue_name}/scheduled/empty"),
    "dashboard: empty *started*": lambda at: at.post(f"/queue/{at.queue_name}/started/empty"),
    "dashboard: empty *finished*": lambda at: at.post(f"/queue/{at.queue_name}/finished/empty"),
    "dashboard: empty *failed*": lambda at: at.post(f"/queue/{at.queue_name}/failed/empty"),
    "dashboard: empty *canceled*": lambda at: at.post(f"/queue/{at.queue_name}/canceled/empty"),
    "`Queue.enqueue_job(job)`": lambda at: at.queue.enqueue_job(at.job),
    "`Job.requeue()`": lambda at: at.job.requeue(),
    "`rq requeue`": lambda at: at.rq("requeue", "--queue", at.queue_name, at.job_id),
    "dashboard: requeue": lambda at: at.post(f"/job/{at.job_id}/requeue"),
    "`send_stop_job_command()`": lambda at: send_stop_job_command(at.redis, at.job_id, serializer=JSON),
}
"""By the name that the document's table shows."""

BESIDE_STOCK = "`Queue.remove(job)`, stock worker about"


def was_refused(operation: Callable[[Target], object], target: Target) -> bool:
    """Do it; whether RQ refused to."""
    try:
        operation(target)
    except (InvalidJobOperation, RefusedByRQ):
        return True
    return False
