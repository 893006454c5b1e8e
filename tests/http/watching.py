"""Runs the lines that it is given, and prints as JSON what they did to the process and to the world around it."""

import json
import logging
import os
import sys
import threading
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = (
    "_thread.start", "os.exec", "os.fork", "os.mkdir", "os.posix_spawn", "os.putenv", "os.remove", "os.rename",
    "os.system", "signal.", "socket.bind", "socket.connect", "subprocess.", "urllib.",
)  # fmt: skip
BETWEEN = ("os", "_collections_abc", "collections.abc")

events: list[str] = []
read: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(CHANGES):
        events.append(event)
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        events.append("open for writing")


class Watched(type(os.environ)):  # type: ignore[misc] # os._Environ has no public name
    """Notes the names that modules of the package read: asyncio and others have their own."""

    def __getitem__(self, name: str) -> Any:
        note(name)
        return super().__getitem__(name)

    def __iter__(self) -> Any:
        note("all names")
        return super().__iter__()


def note(name: str) -> None:
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in BETWEEN:
        frame = frame.f_back
    if str(frame.f_globals.get("__name__")).startswith("pollable"):
        read.append(name)


def main(lines: str) -> None:
    root = logging.root
    before, known = [root.handlers[:], root.level], set(sys.modules)
    sys.addaudithook(watch)
    os.environ.__class__ = Watched  # The mapping itself stays, for who has it already.
    exec(lines, {"__name__": "__lines__"})
    configured = [
        name
        for name, each in root.manager.loggerDict.items()
        if isinstance(each, logging.Logger) and name.startswith("pollable") and (each.handlers or each.level)
    ]
    seen = {
        "events": events,
        "environment": read,
        "logging": configured + ["root"] * ([root.handlers, root.level] != before),
        "threads": threading.active_count(),
        "modules": sorted({name.partition(".")[0] for name in set(sys.modules) - known}),
    }
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
