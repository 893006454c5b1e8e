"""What the figures were taken on: processor, kernel, versions. No name of a host, no path."""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pollable.cli.embedded import find_server

PACKAGES = ("rq", "redis", "uvicorn", "starlette", "msgspec", "uvloop", "httptools", "hiredis")


def description() -> dict[str, Any]:
    """Of this machine, as it is now."""
    return {
        "cpu": cpu_model(_text("/proc/cpuinfo")) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": memory_gb(_text("/proc/meminfo")),
        "kernel": f"{platform.system()} {kernel(platform.release())}",
        "python": platform.python_version(),
        "redis": told([str(find_server()), "--version"], r"v=([\d.]+)"),
        "wrk": told(["wrk", "-v"], r"wrk\s+(?:debian/)?([\d.]+)"),
        "packages": {name: version(name) for name in PACKAGES},
        "pollable": version("pollable"),
        "load": round(os.getloadavg()[0], 1),
    }


def cpu_model(cpuinfo: str) -> str:
    """As the kernel says; empty where it does not."""
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", cpuinfo, flags=re.MULTILINE)
    return found[1].strip() if found else ""


def memory_gb(meminfo: str) -> float | None:
    """All that there is."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, flags=re.MULTILINE)
    return round(int(found[1]) / 1024**2, 1) if found else None


def kernel(release: str) -> str:
    """Its numbers alone: what follows is chosen by whoever built it, and may name a host."""
    found = re.match(r"[\d.]+", release)
    return found[0].rstrip(".") if found else ""


def told(command: list[str], pattern: str) -> str | None:
    """What a program says of its version; None where there is none."""
    if shutil.which(command[0]) is None:
        return None
    answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    found = re.search(pattern, answer.stdout + answer.stderr)
    return found[1] if found else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def is_linux() -> bool:
    """Whether /proc says what a process holds."""
    return sys.platform == "linux"
