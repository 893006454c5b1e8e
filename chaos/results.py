"""The results as files: one a scenario, with the machine that they were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec

from chaos import durable
from chaos.scenario import Report

RESULTS = Path(__file__).parent / "results"


class Result(msgspec.Struct, frozen=True):
    """A report, and on what it was measured."""

    machine: dict[str, str]
    report: Report


def machine() -> dict[str, str]:
    """What figures depend on."""
    said = subprocess.run([durable.program(), "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "redis": said.partition("v=")[2].split()[0],
        "redis-py": version("redis"),
        "rq": version("rq"),
    }


def write(report: Report, folder: Path = RESULTS) -> None:
    """In place of what was written of the scenario before."""
    encoded = msgspec.json.format(msgspec.json.encode(Result(machine(), report)), indent=2)
    (folder / f"{report.scenario}.json").write_bytes(encoded + b"\n")


def read(folder: Path = RESULTS) -> dict[str, Result]:
    """By scenario."""
    files = sorted(folder.glob("*.json"))
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Result) for path in files}
