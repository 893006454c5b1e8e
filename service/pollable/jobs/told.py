"""The life of a job in the logs: a line for each turn that it takes, with the same fields wherever it is written.

The web process says what callers did (accepted, repeated, cancelled, cancel_requested, deleted), a worker what became
of an attempt (`worker.told`), the reaper what became of jobs without one (lost, ended, expired_unread).
"""

import logging
from collections.abc import Mapping

from pollable import lines

log = logging.getLogger("pollable.jobs")


def tell(
    event: str,
    fields: Mapping[str, object],
    *,
    level: int = logging.INFO,
    error: BaseException | None = None,
    origin: lines.Origin | None = None,
) -> None:
    """One line; fields that are empty are left out. `origin` is the job's, else that of the request being answered."""
    known = {name: value for name, value in fields.items() if value not in ("", None)}
    traced = lines.traced(origin or lines.origin.get())
    log.log(level, "job %s", event.replace("_", " "), extra={"event": event, **known, **traced}, exc_info=error)
