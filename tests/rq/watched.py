"""Job types in a module that sets Sentry up at its import, as a deployment's does; what it sends goes to a file."""

import json
import os
from pathlib import Path
from typing import Any

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.rq import RqIntegration
from sentry_sdk.transport import Transport

from pollable import job_type

SENT = "WATCHED_SENT"


class ToFile(Transport):
    """A line for each event."""

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            event: Any = item.payload.json
            line = {"kind": item.headers["type"], "what": event.get("transaction"), "pid": os.getpid()}
            line |= {
                "job": event.get("extra", {}).get("rq-job", {}).get("job_id"),
                "error": bool(event.get("exception")),
            }
            with Path(os.environ[SENT]).open("a") as file:
                file.write(json.dumps(line) + "\n")


sentry_sdk.init(
    dsn="http://nobody@127.0.0.1/1", transport=ToFile, integrations=[RqIntegration()], traces_sample_rate=1.0
)


@job_type("watched_good", result_ttl_s=60)
def watched_good(_: None) -> int:
    return os.getpid()


@job_type("watched_bad", failure_ttl_s=60)
def watched_bad(_: None) -> None:
    raise ValueError("nothing of this is good")
