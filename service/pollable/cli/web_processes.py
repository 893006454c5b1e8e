"""Several web processes behind one port: those that die are replaced, and on SIGHUP all are, one after the other."""

import logging
import signal
import socket
import time
from typing import Any

from uvicorn.config import STARTUP_FAILURE

from pollable.cli.early_deaths import EarlyDeaths
from pollable.cli.listening import turn_away
from pollable.cli.web_process import WebProcess

log = logging.getLogger("pollable.http")

LOOK_S = 0.1
SILENT_LOOKS = 300
"""For so many a process may be silent that served, or take to end: 30 s in which this one runs itself."""


class WebProcesses:
    """Runs as many as it is told until SIGTERM or SIGINT; on SIGHUP a new one serves before an old one ends."""

    def __init__(self, sockets: list[socket.socket], *, size: int) -> None:
        self._sockets = sockets
        self._size = size
        # Each with the looks since it was last heard of.
        self._processes: dict[WebProcess, int] = {}
        self._early_deaths = EarlyDeaths()
        self._is_over = False
        self._shall_renew = False
        self._has_failed = False

    def run(self) -> int:
        """The exit code, once all have ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._renew)
        while self._processes or not self._is_over:
            if self._is_over:
                self._dismiss()
            else:
                self._staff()
            time.sleep(LOOK_S)
            for process in list(self._processes):
                self._look_at(process)
        return int(self._has_failed)

    def _end(self, *_: Any) -> None:
        self._is_over = True

    def _renew(self, *_: Any) -> None:
        self._shall_renew = True

    def _dismiss(self) -> None:
        turn_away(self._sockets)
        for process in self._processes:
            self._retire(process)

    def _staff(self) -> None:
        """Start those that are missing, and beside outdated ones one that will replace the next of them."""
        if self._shall_renew:
            self._shall_renew = False
            log.info("web processes: all are replaced, one after the other")
            for process in self._processes:
                process.is_outdated = True
        staying = [process for process in self._processes if not process.is_leaving]
        outdated = [process for process in staying if process.is_outdated]
        if outdated and len(staying) > self._size and all(process.is_serving for process in staying):
            self._retire(outdated[0])
            return
        # One more than usual at most, so not before the last one has ended.
        has_place = len(staying) == len(self._processes)
        for _ in range(len(staying), self._size + bool(outdated and has_place)):
            self._hire()

    def _hire(self) -> None:
        process = WebProcess(self._sockets)
        self._processes[process] = 0
        self._early_deaths.born(process.pid)

    def _retire(self, process: WebProcess) -> None:
        if not process.is_leaving:
            process.leave()
            self._processes[process] = 0

    def _look_at(self, process: WebProcess) -> None:
        code = process.exit_code
        if code is not None:
            del self._processes[process]
            self._mourn(process, code)
            process.close()
        elif process.has_beaten() and not process.is_leaving:
            self._processes[process] = 0
        elif process.is_serving or process.is_leaving:
            self._processes[process] += 1
            if self._processes[process] > SILENT_LOOKS:
                log.error("web process %d has been silent for %.0f s and is killed", process.pid, SILENT_LOOKS * LOOK_S)
                process.kill()

    def _mourn(self, process: WebProcess, code: int) -> None:
        if process.is_leaving or self._is_over:
            return
        served = process.is_serving
        outdated = [other for other in self._processes if other.is_outdated]
        if outdated and not served:
            log.error("the new web process ended with %d before it served; the old ones go on", code)
            for other in outdated:
                other.is_outdated = False
        elif (code == STARTUP_FAILURE and not served) or self._early_deaths.are_too_many(
            process.pid, code, has_begun=served
        ):
            log.error("web processes end as soon as they start, the last with %d; no more are started", code)
            self._has_failed = self._is_over = True
        else:
            log.warning("web process %d ended with %d and is replaced", process.pid, code)
