"""The process of one attempt: how it is watched, how it ends, and with whom."""

import ctypes
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

_PR_SET_PDEATHSIG = 1
# Looked up here, as a process that was forked off beside other threads should look for nothing.
_prctl = getattr(ctypes.CDLL(None), "prctl", None)
_POLL_S = 0.05
HANGS_S = 3
STAYS, LEAVES = b"s", b"l"


class Stay(msgspec.Struct, frozen=True):
    """How long a horse stays: for so many jobs, and until one leaves it with more than `memory_mb` resident (Linux)."""

    jobs: int = 1
    memory_mb: int | None = None

    def is_too_large(self) -> bool:
        """Whether this process is."""
        pages = int(Path("/proc/self/statm").read_text().split()[1]) if self.memory_mb else 0
        return pages * resource.getpagesize() > (self.memory_mb or 0) * 1_000_000


def reins() -> tuple[Connection, Connection]:
    """What a worker and a horse hold of each other; the worker does not wait for long for one that hangs."""
    ours, theirs = socket.socketpair()
    for which in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
        ours.setsockopt(socket.SOL_SOCKET, which, struct.pack("ll", HANGS_S, 0))
    return Connection(ours.detach()), Connection(theirs.detach())


class Horse:
    """A forked work-horse, as its parent sees it."""

    def __init__(self, pid: int, line: Connection) -> None:
        self.pid = pid
        self.line = line
        self.jobs = 0
        """How many it was given."""
        self.word = b""
        """What it said of the last one, `STAYS` or `LEAVES`, once that has ended in the record and in RQ's books."""
        self._listens = False
        self._status: int | None = None
        self._pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def tell(self, message: bytes) -> bool:
        """Send it a claim, or nothing, since one may come soon. False where it is gone, or hangs."""
        if message:
            self.word, self._listens, self.jobs = b"", True, self.jobs + 1
        with suppress(OSError):
            self.line.send_bytes(message)
            return True
        return False

    def wait(self, *, timeout_s: float) -> int | None:
        """Its exit status once it ended (as waitpid gives it); None once it said its word, or the time is over."""
        deadline = time.monotonic() + timeout_s
        while self._status is None:
            self._listen(max(0.0, deadline - time.monotonic()))
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
                # Its last word may have come just now.
                self._listen(0.0)
                self._close()
                # Where jobs' processes bear no mark.
                with suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
            elif self.word or time.monotonic() >= deadline:
                break
        return self._status

    def end(self) -> None:
        """Kill it, and wait for its end."""
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait(timeout_s=HANGS_S)

    def _listen(self, timeout_s: float) -> None:
        awaited: list[Connection | int] = [self.line] if self._listens else []
        if self._pidfd is None:
            timeout_s = min(timeout_s, _POLL_S)
        else:
            awaited.append(self._pidfd)
        readable, _, _ = select.select(awaited, [], [], timeout_s)
        if self.line in readable:
            self._listens = False
            with suppress(OSError, EOFError):
                self.word = self.line.recv_bytes(1)

    def _close(self) -> None:
        self.line.close()
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
