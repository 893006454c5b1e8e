"""A page's own files and commands, done one after the other in a directory, as a reader would."""

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tests.clients.replay import FENCE, Replay, Step, steps
from tests.system.running import environment, free_port, until

ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")
ALWAYS = ("5000", "8000", "9181", "9182")
"""What Flask, Pollable and rq-dashboard listen on, whether the page says so or not."""
FILE = re.compile(r"# [\w.]+\n")


def parts(document: str) -> Iterator[tuple[str, str]]:
    """The page's chapters, title and text, where they have commands; the first is what comes before them all."""
    for part in re.split(r"^## ", document, flags=re.MULTILINE):
        title, _, text = part.partition("\n")
        if FENCE.search(text):
            yield title.removeprefix("# "), text


class Reader:
    """Someone with the page open: writes its files, leaves running what it says, types the rest."""

    def __init__(self, directory: Path, *, document: str, redis_url: str, path: str) -> None:
        self.directory = directory
        self.ports = {shown: str(free_port()) for shown in sorted({*ADDRESS.findall(document), *ALWAYS})}
        self._running: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}
        settings = {"REDIS_URL": redis_url, "PORT": self.ports["8000"], "POLLABLE_HOST": "127.0.0.1"}
        self._settings = {**settings, "FLASK_RUN_PORT": self.ports["5000"], "POLLABLE_LEASE_S": "1", "PATH": path}
        url = f"http://127.0.0.1:{self.ports['8000']}"
        self.replay = Replay(url, PATH=path, HOME=str(directory), REDIS_URL=redis_url, POLLABLE_URL=url)
        self.replay.addresses |= {f"127.0.0.1:{shown}": f"127.0.0.1:{port}" for shown, port in self.ports.items()}
        self.replay.directory = directory

    def follow(
        self, text: str, *, changes: Mapping[str, str] | None = None, besides: Container[str] = frozenset()
    ) -> None:
        """Do all that a chapter says but for the commands `besides`, `changes` being made in its files.

        Fails where something else is printed than the page shows.
        """
        for language, fence in FENCE.findall(text):
            if language and FILE.match(fence):
                self._write(fence, changes or {})
            elif not language:
                for step in steps(fence):
                    if step.command not in besides:
                        self._do(step)

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def leave(self) -> None:
        """Stop everything, the last one first."""
        for process in [*self._running.values()][::-1]:
            _stop(process)

    def _do(self, step: Step) -> None:
        if step.command.endswith(" &"):
            self._start(step.command.removesuffix(" &"))
        elif step.command.startswith("export "):
            exported = dict(word.split("=", 1) for word in shlex.split(step.command)[1:])
            self._settings = exported | self._settings
            self.replay.settings = exported | self.replay.settings
        else:
            self.replay.check(step)

    def _write(self, fence: str, changes: Mapping[str, str]) -> None:
        name, _, source = fence.partition("\n")
        for old, new in {
            **changes,
            **{f"127.0.0.1:{shown}": f"127.0.0.1:{port}" for shown, port in self.ports.items()},
        }.items():
            source = source.replace(old, new)
        (self.directory / name.removeprefix("# ")).write_text(source)

    def _start(self, command: str) -> None:
        for shown, port in self.ports.items():
            command = re.sub(rf"\b{shown}\b", port, command)
        words = [word for word in shlex.split(command) if "=" not in word]
        port = next((each for each in self.ports.values() if each in command), self._port_of(words))
        # The same with other settings takes the place of the one before, and so does what wants its port.
        known_by = (port,) if port else (words[0], words[-1])
        if known_by in self._running:
            _stop(self._running[known_by])
        settings = environment(**self._settings)
        del settings["PYTHONPATH"]
        with (self.directory / "log").open("ab") as log:
            self._running[known_by] = subprocess.Popen(
                ["sh", "-c", f"exec env {command}"],
                cwd=self.directory, env=settings, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if port:
            until(lambda: _listens(port))

    def _port_of(self, words: list[str]) -> str:
        listening = {"flask": "5000", "pollable serve": "8000", "pollable dev": "8000"}
        return self.ports.get(listening.get(words[0] if words[0] == "flask" else " ".join(words[:2]), ""), "")


def _listens(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(15)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
