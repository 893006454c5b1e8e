"""A trial: one Redis, one deployment, the poller and the journal, and in the end the verdict on all of it."""

import signal
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from chaos import durable, invariants, oracle
from chaos.calling import Caller
from chaos.deployment import START_S, Deployment
from chaos.durable import DurableRedis
from chaos.journal import Entry, Journal
from chaos.oracle import Evidence, Kill
from chaos.poller import Face, Poller
from chaos.processes import Process, kill
from chaos.proxy import Decide, Proxy
from chaos.service_face import ServiceFace
from chaos.waiting import NotInTime, until
from pollable.cli.embedded import Private


class Trial:
    """What a scenario is handed. It does the harm; `judge` says what came of it."""

    def __init__(self, deployment: Deployment, *, redis: DurableRedis, journal: Journal, seed: int) -> None:
        self.deployment = deployment
        self.redis = redis
        self.journal = journal
        self.random = Random(seed)
        self.caller = Caller(("127.0.0.1", 0))
        self.face: Face = ServiceFace(self.caller)
        self.poller = Poller(self.face)
        self.violations: list[str] = []
        self.figures: dict[str, Any] = {}
        self._accepted: list[str] = []
        self._kills: list[Kill] = []
        self._lock = threading.Lock()

    def open(self, *, workers: int = 1) -> list[Process]:
        """A web process and that many listening workers; from now on every accepted job is sampled."""
        started = [self.worker() for _ in range(workers)]
        _, self.caller.address = self.deployment.web()
        until(lambda: self.deployment.listens(*started), within_s=START_S, what="workers that listen")
        self.poller.start()
        return started

    def worker(self) -> Process:
        """A worker that may not be listening yet."""
        return self.deployment.worker()

    def require(self, holds: object, what: str) -> None:
        """Note what should have been so and was not."""
        if not holds:
            self.violations.append(what)

    @contextmanager
    def requiring(self, what: str) -> Iterator[None]:
        """The block waits for something; that it does not come is a violation, and the trial goes on."""
        try:
            yield
        except NotInTime as error:
            self.violations.append(f"{what}: {error}")

    @property
    def accepted(self) -> list[str]:
        with self._lock:
            return list(self._accepted)

    def submit(self, job_type: str, payload: Mapping[str, Any] | None = None, **members: Any) -> str | None:
        """One try; the id of the job where it was accepted."""
        answer = self.caller.submit(job_type, payload, **members)
        if not answer.is_accepted:
            return None
        job_id = str(answer.json()["id"])
        self.took(job_id)
        return job_id

    def must_submit(self, job_type: str, payload: Mapping[str, Any] | None = None, **members: Any) -> str:
        """The id of a job that a service in good health accepts."""
        job_id = self.submit(job_type, payload, **members)
        assert job_id is not None, "the service refused a job while nothing was wrong"
        return job_id

    def took(self, job_id: str) -> None:
        """This job was accepted: from now on it is watched."""
        with self._lock:
            self._accepted.append(job_id)
        self.poller.watch(job_id)

    def started(self, job_id: str, *, times: int = 1, within_s: float = 60) -> Entry:
        """The job's start number `times`, once it has come. Raises `NotInTime`."""
        until(lambda: len(self.journal.of(job_id)) >= times, within_s=within_s, what=f"start {times} of job {job_id}")
        return self.journal.of(job_id)[times - 1]

    def forget(self, job_ids: Iterable[str]) -> None:
        """Redis was made to forget these: nobody looks for them any more."""
        gone = set(job_ids)
        with self._lock:
            self._accepted = [job_id for job_id in self._accepted if job_id not in gone]
        self.poller.forget(gone)

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
        """Signal a worker or a horse to death, and remember it for the oracle; whether there was anybody."""
        at = time.time()
        if not kill(pid, number):
            return False
        self._kills.append(Kill(at, pid))
        return True

    def until_ended(self, *, within_s: float, job_id: str | None = None) -> None:
        """Wait until every accepted job (or this one) was seen ended; that it was not is for `judge` to say."""
        wanted = self.poller.live if job_id is None else lambda: {job_id} & self.poller.live()
        with self.requiring("I1"):
            until(lambda: not wanted(), within_s=within_s, what="the end of every accepted job", every_s=0.05)

    def until_at_work(self, *, within_s: float) -> None:
        """Wait until a job has begun that was accepted from now on. Raises `NotInTime`."""
        before = set(self.accepted)
        begun = lambda: {entry.job_id for entry in self.journal.entries()} - before  # noqa: E731
        until(begun, within_s=within_s, what="a new job that begins", every_s=0.1)

    def evidence(self) -> Evidence:
        """All that was seen so far."""
        accepted = self.accepted
        changes = {job_id: self.poller.changes(job_id) for job_id in accepted}
        return Evidence(accepted, self.journal.entries(), changes, list(self._kills), time.time())

    def judge(self, *, may_be_unanswered: bool = False) -> None:
        """The five invariants, and the figures of the oracle. Once, when all is over."""
        self.poller.stop()
        self.poller.read_all()
        seen = {job_id: self.poller.last(job_id) for job_id in self.accepted}
        traffic = self.caller.traffic
        self.violations += invariants.unended(seen.items())
        self.violations += self.poller.violations
        self.violations += [f"I4: {wrong}" for wrong in traffic.wrong]
        if not may_be_unanswered:
            self.violations += [f"I4: no answer to {request}" for _, request in traffic.lost]
        ended = [job_id for job_id, last in seen.items() if last is not None and last.is_final]
        self.violations += invariants.immortal(self.redis.admin, ended)
        self.figures = self.counted() | self.figures

    def counted(self) -> dict[str, Any]:
        """The figures of the oracle."""
        return oracle.figures(self.evidence())

    def close(self) -> None:
        self.poller.stop()
        self.caller.close()


@contextmanager
def trial(
    *,
    seed: int,
    redis: DurableRedis | None = None,
    proxy: Decide | None = None,
    kind: type[Trial] = Trial,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Trial]:
    """A Redis and a side Redis of its own, and no processes as yet; nothing is left afterwards.

    Whoever gives a `redis` closes it. `proxy` decides what is lost between all processes and their Redis.
    """
    with ExitStack() as stack:
        if redis is None:
            redis = stack.enter_context(closing(DurableRedis()))
        side = Private(durable.program())
        stack.callback(side.close)
        journal = Journal(side.url)
        stack.callback(journal.close)
        url = redis.url
        if proxy is not None:
            between = Proxy(redis.socket, proxy)
            stack.callback(between.close)
            url = between.url
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-logs-")))
        deployment = Deployment(place, redis_url=url, side_url=side.url, settings=settings or {})
        stack.callback(deployment.close)
        made = kind(deployment, redis=redis, journal=journal, seed=seed)
        stack.callback(made.close)
        yield made
