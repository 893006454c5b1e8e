"""Processes under test: started, signalled and stopped by their id, each with a log of its own or `output`."""

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from chaos.waiting import until
from pollable.cli.owned_process import OwnedProcess

ROOT = Path(__file__).resolve().parents[1]


class Process:
    """A command in a session of its own: a signal to its group reaches nobody else."""

    def __init__(
        self, command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path, output: IO[bytes] | None
    ) -> None:
        self._log = log
        with log.open("ab") as file:
            self._child = OwnedProcess(command, environment=environment, output=output or file)
        self.pid = self._child.pid

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """To the process alone; to nobody where it has ended."""
        if self.exit_code is None:
            os.kill(self.pid, number)

    def send_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def horses(self) -> list[int]:
        """The Python processes that it forked."""
        return forked_by(self.pid)

    def exited(self, *, within_s: float) -> int:
        """Its exit code, once it has ended. Raises `NotInTime`."""
        until(lambda: self.exit_code is not None, within_s=within_s, what=f"the end of process {self.pid}")
        code = self.exit_code
        assert code is not None
        return code

    def close(self) -> None:
        """Kill it, if it lives, and all of its group."""
        self.send_group(signal.SIGKILL)
        self._child.stop()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    return _stat(pid)[0] not in ("", "Z", "X")


def forked_by(pid: int) -> list[int]:
    """Its children that run Python (the guard of `OwnedProcess` is a shell)."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [child for child in map(int, listed) if _stat(child)[1].startswith("python")]


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Whether there was somebody to signal."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _stat(pid: int) -> tuple[str, str]:
    try:
        head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
    except OSError:
        return "", ""
    return rest.split()[0], head.partition("(")[2]
