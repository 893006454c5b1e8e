"""An application as people write it with RQ, which knows nothing of Pollable: its functions, its callbacks, its jobs.

It pickles, as RQ does by default. What happened is told in a list of its own, so that it can be compared with what
happened elsewhere.
"""

import time
from datetime import timedelta
from typing import Any

from redis import Redis
from rq import Callback, Queue, Repeat, Retry, get_current_job
from rq.group import Group
from rq.job import Dependency, Job
from rq.rate_limit import RateLimit

JOURNAL = "stock:journal"
FIRST, SECOND = "high", "default"
IN_ORDER = 12


def note(connection: Redis, event: str, job_id: str, *more: object) -> None:
    connection.rpush(JOURNAL, " ".join(map(str, (event, job_id, *more))))


def current() -> Job:
    job = get_current_job()
    assert job is not None
    return job


def add(left: int, right: int) -> int:
    job = current()
    note(job.connection, "ran", job.id, left, right)
    return left + right


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A result as only pickle carries it, and progress in meta."""
    job = current()
    for at, _ in enumerate(rows, 1):
        job.meta["progress"] = 100 * at // len(rows)
        job.save_meta()  # type: ignore[no-untyped-call] # RQ
    note(job.connection, "ran", job.id, len(rows))
    return {"sum": sum(row["price"] for row in rows), "took": timedelta(minutes=len(rows)), "seen": {1, 2}}


def flaky(works_at: int) -> str:
    """Fails until it was begun so many times."""
    job = current()
    begun = int(job.connection.incr(f"stock:begun:{job.id}"))
    note(job.connection, "began", job.id, begun)
    if begun < works_at:
        raise ConnectionError(f"no answer at attempt {begun}")
    return f"worked at attempt {begun}"


def impossible() -> None:
    job = current()
    note(job.connection, "began", job.id)
    raise ValueError("this never works")


def total(*ids: str) -> int:
    """What a dependent makes of the results that it waited for."""
    job = current()
    found: list[Any] = [dependency.return_value() for dependency in job.fetch_dependencies()]
    note(job.connection, "ran", job.id, *found)
    return int(sum(found)) + len(ids)


def rest(pause_s: float) -> str:
    job = current()
    note(job.connection, "began", job.id)
    time.sleep(pause_s)
    note(job.connection, "ran", job.id)
    return "rested"


def succeeded(job: Job, connection: Redis, result: object, *_: object) -> None:
    note(connection, "on_success", job.id, result)


def failed(job: Job, connection: Redis, _type: object, value: object, _traceback: object) -> None:
    note(connection, "on_failure", job.id, value)


def enqueue_all(connection: Redis, *, price: int = 7) -> None:
    """Everything that RQ offers, each job under an id of the application's own."""
    first, second = (Queue(name, connection=connection) for name in (FIRST, SECOND))
    for number in range(IN_ORDER):
        (first if number % 3 == 0 else second).enqueue(add, number, 1, job_id=f"stock-order-{number}", result_ttl=500)
    rows = [{"price": price}, {"price": 1}]
    second.enqueue(report, rows, job_id="stock-report", meta={"asked_by": "billing"}, description="a report")
    retry = Retry(max=2, interval=[1, 1])
    for name, works_at in (("saved", 3), ("lost", 9)):
        second.enqueue(
            flaky, works_at, job_id=f"stock-{name}", retry=retry, failure_ttl=900,
            on_success=Callback(succeeded), on_failure=Callback(failed),
        )  # fmt: skip
    second.enqueue(impossible, job_id="stock-impossible", on_failure=Callback(failed))
    second.enqueue(add, 20, 22, job_id="stock-told", on_success=Callback(succeeded), result_ttl=-1)
    second.enqueue(add, 1, 1, job_id="stock-forgotten", result_ttl=0)
    parents = [first.enqueue(add, number, 2, job_id=f"stock-parent-{number}") for number in (1, 2)]
    second.enqueue(total, *(parent.id for parent in parents), depends_on=parents, job_id="stock-dependent")
    second.enqueue(total, depends_on="stock-impossible", job_id="stock-never")
    second.enqueue_in(timedelta(seconds=2), add, 3, 4, job_id="stock-soon", on_success=Callback(succeeded))
    second.enqueue_in(timedelta(hours=5), add, 5, 6, job_id="stock-much-later")
    second.enqueue(add, 7, 8, job_id="stock-cancelled").cancel()
    enqueue_rarities(connection, second)


def enqueue_rarities(connection: Redis, queue: Queue) -> None:
    """What fewer applications use."""
    queue.enqueue(rest, 9, job_id="stock-too-long", job_timeout=1, on_failure=Callback(failed))
    queue.enqueue(add, 9, 9, job_id="stock-repeated", repeat=Repeat(times=2, interval=1), result_ttl=500)
    for number in range(3):
        limit = RateLimit("stock-limit", concurrency=1)
        queue.enqueue(add, number, 0, job_id=f"stock-limited-{number}", rate_limit=limit)
    group = Group.create(connection, name="stock-group")
    datas = [Queue.prepare_data(add, (number, number), job_id=f"stock-grouped-{number}") for number in range(2)]
    group.enqueue_many(queue, datas)
    queue.enqueue(add, 1, 0, job_id="stock-anyway", depends_on=Dependency("stock-impossible", allow_failure=True))
    queue.enqueue(add, 2, 0, job_id="stock-ahead", at_front=True)


def enqueue_long(connection: Redis) -> None:
    """One that is running when its worker is killed, and may be tried again; one that may not; one that waits."""
    queue = Queue(SECOND, connection=connection)
    queue.enqueue(rest, 2, job_id="stock-killed", retry=Retry(max=1), job_timeout=20)
    queue.enqueue(add, 1, 2, job_id="stock-next")
    queue.enqueue(add, 3, 4, depends_on="stock-killed", job_id="stock-after")
