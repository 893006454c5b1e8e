"""Several shifts, each in a process of its own; one that dies is replaced."""

import logging
import os
import signal
import time
from contextlib import suppress
from types import FrameType

from pollable.cli.early_deaths import EarlyDeaths
from pollable.cli.health import Health
from pollable.cli.shift import RESTART_S, SHUTDOWN_SIGNALS, Pulse, Shift
from pollable.worker.horse import die_with, flush

log = logging.getLogger("pollable.worker")


class Crew:
    """Several shifts, each in a process of its own; one that dies is replaced."""

    def __init__(self, shift: Shift, *, size: int, health: Health) -> None:
        self._shift = shift
        self._health = health
        self._free_places = set(range(size))
        self._places: dict[int, int] = {}
        self._is_over = False
        self._early_deaths = EarlyDeaths()
        self._has_failed = False

    def work(self) -> int:
        """Until SIGTERM or SIGINT. The exit code: 1 where they died as soon as they started."""
        for number in SHUTDOWN_SIGNALS:
            signal.signal(number, self._end)
        while True:
            while not self._is_over and self._free_places:
                self._hire(self._free_places.pop())
            if not self._places:
                return int(self._has_failed)
            pid, status = os.wait()
            # Process 1 is given everybody's orphans.
            if pid in self._places:
                self._leave(pid)
                if not self._is_over:
                    self._mourn(pid, os.waitstatus_to_exitcode(status))

    def _mourn(self, pid: int, exit_code: int) -> None:
        if self._early_deaths.are_too_many(pid, exit_code):
            log.error("worker processes end as soon as they start, the last with %d; no more are started", exit_code)
            self._has_failed = True
            self._end(signal.SIGTERM, None)
        else:
            log.warning("worker process %d ended with %d and is replaced", pid, exit_code)
            time.sleep(RESTART_S)

    def _hire(self, place: int) -> None:
        # A signal between the fork and the child's own handlers would be heard by nobody.
        signal.pthread_sigmask(signal.SIG_BLOCK, SHUTDOWN_SIGNALS)
        flush()
        crew = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with(crew)
            os._exit(_worked(self._shift, self._health.pulse(place)))
        self._places[pid] = place
        self._early_deaths.born(pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SHUTDOWN_SIGNALS)

    def _leave(self, pid: int) -> None:
        place = self._places.pop(pid)
        self._health.clear(place)
        self._free_places.add(place)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._is_over = True
        for pid in self._places:
            # One may have been waited for just now.
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _worked(shift: Shift, pulse: Pulse) -> int:
    """A member's life. Nothing may get out of it: above are the crew's own doings."""
    try:
        return shift.work(pulse)
    except BaseException:
        log.exception("the worker process ends")
        return 1
    finally:
        flush()
