"""RQ's own worker under the same harm: what an application by hand enqueues (`Queue.enqueue`) and reads (`Job`)."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Retry

from chaos import stock_jobs
from chaos.deployment import START_S
from chaos.durable import DurableRedis
from chaos.poller import Poller, Seen
from chaos.processes import Process, is_alive, kill
from chaos.trial import Trial, trial
from chaos.waiting import until
from pollable.model import STATE_OF_RQ_STATUS

QUEUE = "chaos"
TUNED = "--worker-ttl 20 --maintenance-interval 1 --job-monitoring-interval 1"
"""As quick to see a death as RQ's options make it: by default it takes ten times as long."""
RETRIES = 9
"""As often as the jobs of the service may be begun again."""
FUNCTIONS: Mapping[str, Callable[[float], str]] = {
    "nap": stock_jobs.nap,
    "nap_once": stock_jobs.nap,
    "nap_at_first": stock_jobs.nap_at_first,
}


class StockFace:
    """RQ's status and its newest result, of many jobs at once."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=2)

    def read(self, ids: Sequence[str]) -> list[Seen | None] | None:
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in ids:
                    pipeline.hget(f"rq:job:{job_id}", "status")
                    pipeline.xrevrange(f"rq:results:{job_id}", count=1)
                found = pipeline.execute()
        except RedisError:
            return None
        return [_seen(status, newest) for status, newest in zip(found[::2], found[1::2], strict=True)]

    def close(self) -> None:
        self._redis.close()


def _seen(status: bytes | None, newest: list[Any]) -> Seen | None:
    if status is None:
        return None
    state = STATE_OF_RQ_STATUS.get(status.decode(), "queued")
    content = status + (repr(newest).encode() if state == "succeeded" else b"")
    return Seen(str(state), 0, -1, state == "succeeded", content)


class StockTrial(Trial):
    """The same harm, with other workers, another way to submit and another way to read."""

    serializer = "rq.serializers.DefaultSerializer"

    def open(self, *, workers: int = 1) -> list[Process]:
        self.face = StockFace(self.redis.url)
        self.poller = Poller(self.face)
        self._queue = Queue(QUEUE, connection=Redis.from_url(self.redis.url), serializer=self.serializer)
        started = [self.worker() for _ in range(workers)]
        until(lambda: self.deployment.listens(*started), within_s=START_S, what="workers that listen")
        self.poller.start()
        return started

    def worker(self) -> Process:
        command = f"-m rq.cli worker {QUEUE} --url {self.redis.url} --quiet {TUNED} --serializer {self.serializer}"
        return self.deployment.start(sys.executable, *command.split())

    def submit(self, job_type: str, payload: Mapping[str, Any] | None = None, **members: Any) -> str | None:
        retry = Retry(max=RETRIES) if job_type != "nap_once" else None
        try:
            job = self._queue.enqueue(FUNCTIONS[job_type], (payload or {}).get("nap_s", 0.0), retry=retry, **members)
        except RedisError:
            return None
        self.took(job.id)
        return job.id

    def judge(self, *, may_be_unanswered: bool = False) -> None:  # noqa: ARG002 - nobody promised anything
        """What the oracle counts; `flipped` are jobs whose final state or result changed."""
        self.poller.stop()
        self.poller.read_all()
        flipped = {violation.split()[0] for violation in self.poller.violations if "I2" in violation}
        self.figures = self.counted() | self.figures | {"flipped": len(flipped)}

    def close(self) -> None:
        super().close()
        self._queue.connection.close()
        # Nothing ends a horse whose worker was killed.
        for entry in self.journal.entries():
            if is_alive(entry.pid):
                kill(entry.pid)


class SharedStockTrial(StockTrial):
    """On the queues of a service, whose jobs its workers can run, too."""

    serializer = "pollable.serializer.JSON"


@contextmanager
def shared_stock_trial(*, seed: int, redis: DurableRedis, settings: Mapping[str, str]) -> Iterator[Trial]:
    """As `trial`."""
    with trial(seed=seed, redis=redis, kind=SharedStockTrial, settings=settings) as made:
        yield made


@contextmanager
def stock_trial(*, seed: int, redis: DurableRedis | None = None) -> Iterator[StockTrial]:
    """As `trial`."""
    with trial(seed=seed, redis=redis, kind=StockTrial) as made:
        assert isinstance(made, StockTrial)
        yield made
