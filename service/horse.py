"""The process of one attempt: how it is watched, and how it dies with its parent."""

import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
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


def die_with_parent() -> None:
    """From now on each forked child of this process is killed when this process dies (Linux, prctl(2)).

    A horse that outlived its worker would run beside the attempt that replaces it.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    forking = [os.getpid()]

    def follow_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have died before the line above.
        if os.getppid() != forking[0]:
            os._exit(1)

    os.register_at_fork(before=lambda: forking.__setitem__(0, os.getpid()), after_in_child=follow_parent)
