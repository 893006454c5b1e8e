"""The process of one attempt: how it is watched, how it ends, and with whom."""

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
# Looked up here, as a process that was forked off beside other threads should look for nothing.
_prctl = getattr(ctypes.CDLL(None), "prctl", None)
_POLL_S = 0.05


class Horse:
    """A forked work-horse, as its parent sees it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def wait(self, *, timeout_s: float) -> int | None:
        """Its exit status once it ended (as waitpid gives it), None if it has not within the time."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._sleep(max(0.0, deadline - time.monotonic()))
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._close()
                # Where jobs' processes bear no mark.
                with suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
                return status
            if time.monotonic() >= deadline:
                return None

    def _sleep(self, timeout_s: float) -> None:
        if self._pidfd is None:
            time.sleep(min(timeout_s, _POLL_S))
        else:
            select.select([self._pidfd], [], [], timeout_s)

    def _close(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    @staticmethod
    def ignore_shutdown_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)


def exit_reason(status: int) -> str:
    """What ended a process, in words, from its waitpid status."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def die_with(parent: int) -> None:
    """Have this process killed when `parent` dies, whose main thread forked it just now (Linux, prctl(2)).

    A horse that outlived its worker would run beside the attempt that replaces it. What the job itself starts is not
    told so: the kernel goes by the thread that forked, and a job's threads may end before their processes.
    """
    if _prctl is None:
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # It may have died before the line above.
    if os.getppid() != parent:
        os._exit(1)


def flush() -> None:
    """Let out what was printed: a process forked now would print it as well, and one that exits at once never."""
    for stream in (sys.stdout, sys.stderr):
        # A job may have closed it, and the other end may be gone.
        with suppress(Exception):
            stream.flush()
