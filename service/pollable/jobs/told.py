"""The life of a job in the logs: a line for each turn that it takes, with the same fields wherever it is written.

The web process says what callers did (accepted, repeated, cancelled, cancel_requested, deleted), a worker what became
of an attempt (`worker.told`), the reaper what became of jobs without one (lost, ended, expired_unread).
"""

import logging
from collections.abc import Mapping

from pollable.lines import origin, traced

log = logging.getLogger("pollable.jobs")

Fields = Mapping[str, object]


def tell(event: str, fields: Fields, *, level: int = logging.INFO, error: BaseException | None = None) -> None:
    """One line; fields that are empty are left out. The request is that of `fields`, or that being answered."""
    known = {name: value for name, value in fields.items() if value not in ("", None)}
    # Also for those who have no formatter of ours, as under a plain `rq worker`.
    said = " ".join(f"job {fields['job_id']} {event.replace('_', ' ')} {known.get('code', '')}".split())
    log.log(level, "%s", said, extra={"event": event, **traced(origin.get()), **known}, exc_info=error)
