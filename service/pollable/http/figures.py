"""What the deployment has counted and what is so now, as families of metrics. docs/metrics.md lists them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pollable.http.meters import BATCH_BOUNDS, REQUEST_BOUNDS_S

Values = Mapping[Any, float]
"""By labels, each a tuple of texts."""


class Counted(msgspec.Struct, frozen=True):
    """A metric that is kept in Redis: its name, what it says, and its labels in the order of its fields."""

    name: str
    says: str
    labels: tuple[str, ...] = ()


COUNTED = {
    "submitted": Counted("pollable_jobs_submitted", "Jobs that were accepted.", ("type",)),
    "ended": Counted("pollable_jobs_ended", "Jobs that ended.", ("type", "outcome", "code")),
    "retried": Counted("pollable_jobs_retried", "Attempts that another one follows.", ("type", "code")),
    "wait": Counted("pollable_job_wait_seconds", "From due to begun, each attempt.", ("type", "queue")),
    "run": Counted("pollable_job_run_seconds", "From begun to over, each attempt.", ("type",)),
    "requests": Counted("pollable_http_requests", "Requests answered.", ("method", "route", "status")),
    "request": Counted("pollable_http_request_seconds", "Time of a request.", ("method", "route")),
    "batch": Counted("pollable_redis_batch_size", "Questions that shared a call of Redis.", ("script",)),
    "calls": Counted("pollable_redis_calls", "Round trips to Redis of the web processes."),
    "scrape": Counted("rq_request_processing_seconds", "Time of collecting these metrics."),
}
"""By the first word of a field."""
COUNTERS = ("submitted", "ended", "retried", "requests", "calls")
HISTOGRAMS = ("wait", "run", "request", "batch")
LIVE_STATES = ("queued", "scheduled", "running")
"""Every `State` that is not final."""
_BOUNDS = {"request": REQUEST_BOUNDS_S, "batch": BATCH_BOUNDS}
_MICRO = 1e6


class Figures(msgspec.Struct, frozen=True):
    """The reply of `figures.lua`, whose header says what is in it; texts are as Redis has them."""

    counts: Mapping[str, int]
    job_bounds_s: tuple[float, ...]
    running: int
    types: Sequence[Sequence[Any]]
    queues: Sequence[Sequence[Any]]
    rq_queues: Sequence[Sequence[Any]]
    workers: Sequence[Sequence[Any]]
    waiters: Sequence[int]

    @classmethod
    def of(cls, reply: Sequence[Any]) -> "Figures":
        """Everything that can be read; somebody else may have written anything there."""
        counts, bounds, running, types, queues, rq_queues, workers, waiters = reply
        fields = dict(zip(map(_text, counts[::2]), map(_text, counts[1::2]), strict=True))
        return cls(
            counts={field: int(value) for field, value in fields.items() if value.isdecimal()},
            job_bounds_s=tuple(map(float, bounds)),
            running=running,
            types=_texts(types),
            queues=_texts(queues),
            rq_queues=_texts(rq_queues),
            workers=_texts(workers),
            waiters=tuple(map(int, waiters)),
        )


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _texts(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    return [[_text(value) if isinstance(value, bytes) else value for value in row] for row in rows]


class Families(Collector):
    """Figures as prometheus-client's registry collects them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from self._counted()
        yield from self._jobs()
        yield from self._processes()
        yield from self._of_rq()

    def _counted(self) -> Iterator[Metric]:
        found: dict[str, dict[tuple[str, ...], int]] = defaultdict(dict)
        for field, value in self._figures.counts.items():
            word, *labels = field.split("\t")
            found[word][tuple(labels)] = value
        for word in COUNTERS:
            yield _counter(COUNTED[word], found[word])
        for word in HISTOGRAMS:
            yield _histogram(COUNTED[word], found[word], _BOUNDS.get(word, self._figures.job_bounds_s))
        yield _summary(COUNTED["scrape"], found["scrape"])

    def _jobs(self) -> Iterator[Metric]:
        rows = self._figures.queues
        for name, says, at in (
            ("pollable_queue_waiting_jobs", "Jobs that are due and wait.", 1),
            ("pollable_queue_scheduled_jobs", "Jobs that are due later.", 2),
        ):
            yield _gauge(name, says, ("queue",), {(row[0],): float(row[at]) for row in rows})
        says = "For how long the oldest job that is due has waited; 0 where none is."
        oldest = {(row[0],): float(row[3]) / 1000 for row in rows}
        yield _gauge("pollable_queue_oldest_waiting_seconds", says, ("queue",), oldest)
        yield _gauge("pollable_running_jobs", "Jobs that run.", (), {(): self._figures.running})
        live = {
            (state, job_type): float(number)
            for job_type, *numbers in self._figures.types
            for state, number in zip(LIVE_STATES, numbers, strict=True)
        }
        yield _gauge("pollable_jobs", "Jobs that have not ended.", ("state", "type"), live)

    def _processes(self) -> Iterator[Metric]:
        figures = self._figures
        listening: dict[tuple[str, ...], float] = {(row[0],): 0.0 for row in figures.queues}
        for worker in figures.workers:
            for queue in worker[2].split(","):
                if (queue,) in listening:
                    listening[queue,] += 1
        yield _gauge("pollable_queue_workers", "Workers that listen on the queue.", ("queue",), listening)
        beats = {(row[0],): float(row[3]) / 1000 for row in figures.workers}
        says = "When the worker was last heard of, seconds since the epoch."
        yield _gauge("pollable_worker_heartbeat_timestamp_seconds", says, ("worker",), beats)
        yield _gauge("pollable_web_processes", "Web processes that serve metrics.", (), {(): len(figures.waiters)})
        yield _gauge("pollable_waiters", "Requests that wait for a job to change.", (), {(): sum(figures.waiters)})

    def _of_rq(self) -> Iterator[Metric]:
        """The names of rq-exporter 3, so that boards made for it show this."""
        statuses = ("queued", "started", "finished", "failed", "deferred", "scheduled", "canceled")
        jobs = {
            (queue, word): float(size)
            for queue, *sizes in self._figures.rq_queues
            for word, size in zip(statuses, sizes, strict=True)
        }
        yield _gauge("rq_jobs", "RQ jobs by state.", ("queue", "status"), jobs)
        workers = self._figures.workers
        alive = {(row[0], row[1], row[2]): 1.0 for row in workers}
        yield _gauge("rq_workers", "RQ workers.", ("name", "state", "queues"), alive)
        for name, says, at in (
            ("rq_workers_success", "Jobs of the worker that succeeded.", 4),
            ("rq_workers_failed", "Jobs of the worker that failed.", 5),
            ("rq_workers_working_time", "Seconds for which the worker has worked.", 6),
        ):
            counted = Counted(name, says, ("name", "queues"))
            yield _counter(counted, {(row[0], row[2]): _number(row[at]) for row in workers})


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _gauge(name: str, says: str, labels: Sequence[str], values: Values) -> Metric:
    family = GaugeMetricFamily(name, says, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _counter(counted: Counted, values: Values) -> Metric:
    family = CounterMetricFamily(counted.name, counted.says, labels=counted.labels)
    for labels, value in values.items():
        if len(labels) == len(counted.labels):
            family.add_metric(labels, value)
    return family


def _summary(counted: Counted, values: Values) -> Metric:
    family = SummaryMetricFamily(counted.name, counted.says)
    family.add_metric((), int(values.get(("count",), 0)), values.get(("sum",), 0) / _MICRO)
    return family


def _histogram(counted: Counted, values: Values, bounds: Sequence[float]) -> Metric:
    """An older release may have had other bounds: what it counted goes to the next one of ours."""
    numbers: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0] * (len(bounds) + 1))
    sums: dict[tuple[str, ...], float] = {}
    for (*labels, last), value in values.items():
        if len(labels) != len(counted.labels):
            continue
        if last == "sum":
            sums[tuple(labels)] = value / _MICRO
        else:
            numbers[tuple(labels)][bisect_left(bounds, _number(last))] += value
    family = HistogramMetricFamily(counted.name, counted.says, labels=counted.labels)
    names = [*map(floatToGoString, bounds), "+Inf"]
    for of, each in numbers.items():
        family.add_metric(of, list(zip(names, accumulate(each), strict=True)), sums.get(of, 0.0))
    return family


def rendered(reply: Sequence[Any], *, is_open: bool) -> tuple[bytes, str]:
    """The reply of `figures.lua` as OpenMetrics 1.0 or as Prometheus' text, and the media type of that."""
    registry = CollectorRegistry()
    registry.register(Families(Figures.of(reply)))
    if is_open:
        made: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call] # theirs
        return made, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), "text/plain; version=0.0.4; charset=utf-8"
