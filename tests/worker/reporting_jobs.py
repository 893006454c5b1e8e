"""Job types in a module that sets Sentry up at its import, as a deployment's does; what it sends goes to a file."""

import json
import os
import time
from pathlib import Path
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from pollable import job_type

FILE = "REPORTED"


class ToFile(Transport):
    """A line for each event."""

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            event: Any = item.payload.json or {}
            line = {"kind": item.headers["type"], "name": event.get("transaction"), "grouped": event.get("fingerprint")}
            with Path(os.environ[FILE]).open("a") as file:
                file.write(json.dumps(line) + "\n")


sentry_sdk.init(dsn="http://nobody@127.0.0.1/1", transport=ToFile, traces_sample_rate=1.0)


@job_type("well")
def well(_: Any) -> int:
    return 1


@job_type("raises")
def raises(_: Any) -> None:
    raise ValueError("nothing of this is good")


@job_type("killed")
def killed(_: Any) -> None:
    os.kill(os.getpid(), 9)


@job_type("runs_on", timeout_s=1)
def runs_on(_: Any) -> None:
    """Swallow the exception of its timeout."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            time.sleep(1)
        except BaseException:
            continue


@job_type("too_large")
def too_large(_: Any) -> None:
    raise MemoryError


@job_type("lost")
def lost(_: Any) -> None:
    os.kill(os.getppid(), 9)
    time.sleep(60)
