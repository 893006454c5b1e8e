"""The worker process: settings, job types, RQ workers and signals. `python worker.py --help` tells the options."""

import logging
import os
import signal
import sys
import time
from types import FrameType

import click

from service import catalog, execution, logs
from service.carefulworker import CarefulWorker
from service.errors import SettingsError
from service.execution import Workshop
from service.horse import die_with_parent
from service.reaper import ReaperThread
from service.redisconnection import UNAVAILABLE, connect
from service.rqworker import Worker
from service.settings import Settings, check_queues, from_environment
from service.simpleworker import SimpleWorker

log = logging.getLogger("pollable.worker")

RESTART_S = 1.0
SHUTDOWN_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Shift:
    """One process that works until it is told to stop, whatever happens to Redis in between."""

    def __init__(self, workshop: Workshop, queues: list[str], *, simple: bool, grace_s: float) -> None:
        self._workshop = workshop
        self._queues = queues
        self._worker_class: type[CarefulWorker] = SimpleWorker if simple else Worker
        self._grace_s = grace_s
        self._worker: CarefulWorker | None = None
        self._is_over = False

    def work(self) -> None:
        """Run RQ workers, one after another, until SIGTERM or SIGINT."""
        for number in SHUTDOWN_SIGNALS:
            signal.signal(number, self._end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SHUTDOWN_SIGNALS)
        # A client of its own: a lock of its pool that is held at a fork then holds up nobody.
        reaper = ReaperThread(connect(self._workshop.settings), self._workshop.settings)
        reaper.start()
        while not self._is_over:
            try:
                self._work_once()
            except UNAVAILABLE as error:
                log.warning("Redis is away: %s", error)
            except Exception:
                log.exception("the worker failed and starts again")
            if not self._is_over:
                time.sleep(RESTART_S)
        reaper.stop()

    def _work_once(self) -> None:
        worker = self._worker_class(
            self._queues,
            connection=connect(self._workshop.settings),
            workshop=self._workshop,
            grace_s=self._grace_s,
        )
        self._worker = worker
        # A signal may have come while there was no worker.
        if not self._is_over:
            worker.work(with_scheduler=True, logging_level="WARNING")

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._is_over = True
        if self._worker is not None:
            self._worker.request_stop(number, frame)


class Crew:
    """Several shifts, each in a process of its own; one that dies is replaced."""

    def __init__(self, shift: Shift, *, size: int) -> None:
        self._shift = shift
        self._size = size
        self._pids: set[int] = set()
        self._is_over = False

    def work(self) -> None:
        for number in SHUTDOWN_SIGNALS:
            signal.signal(number, self._end)
        while True:
            while not self._is_over and len(self._pids) < self._size:
                self._hire()
            if not self._pids:
                return
            pid, status = os.wait()
            self._pids.discard(pid)
            if not self._is_over:
                log.warning("worker process %d ended with %d and is replaced", pid, os.waitstatus_to_exitcode(status))
                time.sleep(RESTART_S)

    def _hire(self) -> None:
        # A signal between the fork and the child's own handlers would be heard by nobody.
        signal.pthread_sigmask(signal.SIG_BLOCK, SHUTDOWN_SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._shift.work()
            os._exit(0)
        self._pids.add(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SHUTDOWN_SIGNALS)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._is_over = True
        for pid in self._pids:
            os.kill(pid, number)


@click.command()
@click.option("--queues", help="Comma-separated queues in priority order. Default: POLLABLE_QUEUES.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option("--grace-s", type=click.FloatRange(min=1), default=25, show_default=True,
              help="Seconds between SIGTERM and the end; a job still running is handed back before.")  # fmt: skip
@click.option("--simple", is_flag=True, help="Run jobs in the worker process itself: quick, for trusted jobs.")
def main(queues: str | None, workers: int, grace_s: float, simple: bool) -> None:
    """Run the jobs of Pollable's queues."""
    try:
        settings = from_environment()
        logs.configure(settings)
        # Before forking: a job type is imported once, not once a job.
        workshop = Workshop(settings, catalog.load(settings.jobs))
        names = _queues(queues, settings)
    except SettingsError as error:
        click.echo(f"worker: {error}", err=True)
        sys.exit(2)
    execution.prepare(workshop)
    die_with_parent()
    shift = Shift(workshop, names, simple=simple, grace_s=grace_s)
    if workers == 1:
        shift.work()
    else:
        Crew(shift, size=workers).work()


def _queues(given: str | None, settings: Settings) -> list[str]:
    names = list(settings.queues) if given is None else [name.strip() for name in given.split(",") if name.strip()]
    check_queues("--queues", names)
    for name in names:
        # Nobody would look for the lost jobs of another queue.
        if name not in settings.queues:
            raise SettingsError(
                f"--queues names {name!r}, which is not in POLLABLE_QUEUES ({','.join(settings.queues)})."
            )
    return names


if __name__ == "__main__":
    main()
