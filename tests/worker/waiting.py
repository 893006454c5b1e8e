"""Waiting for what must come, with a deadline; watching what must not."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def until(condition: Callable[[], object], *, within_s: float, what: object, every_s: float = 0.01) -> float:
    """Seconds that it took until the condition held. Fails, showing `what` as it then is, when it does not in time."""
    began_at = time.monotonic()
    while not condition():
        assert time.monotonic() - began_at < within_s, f"{what}: not within {within_s} s"
        time.sleep(every_s)
    return time.monotonic() - began_at


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc").is_dir()


def forked_by(pid: int) -> list[int]:
    """The Python processes whose parent it is (Linux)."""
    stats = [_stat(path) for path in Path("/proc").glob("[0-9]*/stat")]
    return [child for child, name, parent in stats if parent == pid and name.startswith("python")]


def _stat(path: Path) -> tuple[int, str, int]:
    try:
        pid, _, rest = path.read_text().partition(" (")
    except (FileNotFoundError, ProcessLookupError):
        return 0, "", 0
    name, _, numbers = rest.rpartition(") ")
    return int(pid), name, int(numbers.split()[1])
