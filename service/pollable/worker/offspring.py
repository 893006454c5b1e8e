"""The processes that jobs start: each bears its worker's mark, however it detaches itself, and ends with its job.

The mark is a soft limit without a meaning since Linux 2.4.25, RLIMIT_LOCKS, which fork, exec and setsid pass on. It
names the worker, so that any worker of the machine finds what a killed one left behind. Where the system has no such
limit there is the horse's process group alone.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

_RLIMIT_LOCKS = 10
_OURS = 0x15 << 58
_NAMESPACE_AT, _BEGAN_AT = 42, 22
"""Above the number of the worker's process: when it began, in ticks, and where that number is its own."""


def mark_of(worker: int) -> int:
    """The mark of what the jobs of that process start; 0 where there is no such process, or no way to tell."""
    try:
        # The numbers in a /proc of other process ids mean other processes.
        if not sys.platform.startswith("linux") or Path("/proc/self").readlink().name != str(os.getpid()):
            return 0
        namespace = Path("/proc/self/ns/pid").stat().st_ino % (1 << 16)
        state, *numbers = Path(f"/proc/{worker}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0
    began = int(numbers[18]) % (1 << 20)
    return 0 if state in "ZX" else _OURS | namespace << _NAMESPACE_AT | began << _BEGAN_AT | worker


def begin(mark: int) -> None:
    """From now on this process bears the mark, and passes it on."""
    # Not every kernel that calls itself Linux has the limit, and an administrator may have lowered it.
    with suppress(OSError, ValueError):
        if mark:
            resource.setrlimit(_RLIMIT_LOCKS, (mark, resource.getrlimit(_RLIMIT_LOCKS)[1]))


def end(mark: int) -> None:
    """Kill all that bear the mark, but this process."""
    if mark:
        _kill(lambda found: found == mark)


def end_forsaken() -> None:
    """Kill what jobs left behind whose worker was killed on this machine."""
    if namespace := mark_of(os.getpid()) >> _NAMESPACE_AT:
        _kill(lambda found: found >> _NAMESPACE_AT == namespace and found != mark_of(found % (1 << _BEGAN_AT)))


def bury_orphans(*, horses: Collection[int] = ()) -> None:
    """Wait for whoever has ended: process 1 is given the orphans of all. The horses are none."""
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in horses:
            os.waitpid(ended.si_pid, 0)


def _borne_by(pid: int) -> int:
    try:
        return resource.prlimit(pid, _RLIMIT_LOCKS)[0]
    except OSError:
        return 0


def _kill(is_wanted: Callable[[int], bool]) -> None:
    # It looks until it finds nobody new: one that was killed starts no other.
    killed, count = {os.getpid()}, 0
    while count < len(killed):
        count = len(killed)
        # pathlib takes three times as long, and this is done after every job.
        with os.scandir("/proc") as entries:
            pids = {int(entry.name) for entry in entries if entry.name.isdigit()}
        for pid in pids - killed:
            borne = _borne_by(pid)
            # Asked just now: the number is given to another process only after all others were given.
            if borne >= _OURS and is_wanted(borne):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
                killed.add(pid)
