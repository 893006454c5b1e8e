"""The stock application with its own workers, as real processes, and whether it has come to its end."""

from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import Popen

from redis import Redis

from tests.neighbour.stock import FIRST, IN_ORDER, SECOND
from tests.rq.processes import BIN, running

QUEUES = f"{FIRST},{SECOND}"
# Whether a job is taken over by RQ's own maintenance is a matter of seconds, not of luck.
TUNED = ("--maintenance-interval", "1", "--job-monitoring-interval", "1")

ENDED = {
    **{f"stock-order-{number}": "finished" for number in range(IN_ORDER)},
    "stock-report": "finished",
    "stock-saved": "finished",
    "stock-lost": "failed",
    "stock-impossible": "failed",
    "stock-told": "finished",
    "stock-parent-1": "finished",
    "stock-parent-2": "finished",
    "stock-dependent": "finished",
    "stock-never": "deferred",
    "stock-soon": "finished",
    "stock-much-later": "scheduled",
    "stock-cancelled": "canceled",
    "stock-too-long": "failed",
    "stock-repeated": "finished",
    **{f"stock-limited-{number}": "finished" for number in range(3)},
    **{f"stock-grouped-{number}": "finished" for number in range(2)},
    "stock-anyway": "finished",
    "stock-ahead": "finished",
}
"""Where the application's jobs are when everything has been done; `stock-forgotten` leaves nothing."""


def stock_worker(redis_url: str, log: Path, *options: str) -> AbstractContextManager[Popen[bytes]]:
    """`rq worker`, as the application's people start it."""
    command: list[str | Path] = [
        BIN / "rq",
        "worker",
        "--with-scheduler",
        *TUNED,
        "-u",
        redis_url,
        *options,
        FIRST,
        SECOND,
    ]
    return running(redis_url, command, log)


def statuses(redis: Redis) -> dict[str, str]:
    """RQ's word on every job that has a hash."""
    ids = [name.decode().removeprefix("rq:job:") for name in redis.scan_iter("rq:job:stock-*", count=1000)]
    # Beside the hash lie the sets of who waits for whom.
    found = {job_id: redis.hget(f"rq:job:{job_id}", "status") for job_id in ids if ":" not in job_id}
    return {job_id: status.decode() for job_id, status in found.items() if isinstance(status, bytes)}
