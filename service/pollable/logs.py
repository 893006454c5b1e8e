"""The logs of a process: everything that is said in it, by whomever, as lines on standard error."""

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from pollable.lines import JSONFormatter, TextFormatter, carrying
from pollable.settings import Settings

log = logging.getLogger("pollable")


def configure(settings: Settings, *, running: Callable[[], Mapping[str, object]] = dict) -> None:
    """Log as the settings say; text where standard error is a terminal and nothing else was asked for.

    `running` are the fields of what the process does just now, which every line then has.
    """
    handler = logging.StreamHandler(sys.stderr)
    if (settings.log_format or ("text" if sys.stderr.isatty() else "json")) == "json":
        handler.setFormatter(JSONFormatter())
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(carrying(running))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # RQ's own loggers say each job's life in prose; what is worth an operator's time is logged by ours.
    for name in ("rq.worker", "rq.job", "rq.scheduler", "rq.queue"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("pollable.jobs").handlers[:] = [ToSentry()]
    _take_over()


class ToSentry(logging.Handler):
    """Where the process has set Sentry up: what the lines of jobs become there has their type as its name.

    Its own integration for logging makes events of errors. A job that failed because its worker was lost is one, too.
    """

    _is_known = False

    def emit(self, record: logging.LogRecord) -> None:
        sentry = sys.modules.get("sentry_sdk")
        if sentry is None:
            return
        if not self._is_known:
            self._is_known = True
            sentry.get_global_scope().add_event_processor(_under_its_type)
        known = vars(record)
        if known.get("event") == "lost" and known.get("state") == "failed":
            event = {"level": "error", "logger": record.name, "logentry": {"formatted": record.getMessage()}}
            sentry.capture_event(event, hint={"log_record": record})


def _under_its_type(event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
    known = vars(hint["log_record"]) if "log_record" in hint else {}
    if known.get("name") == "pollable.jobs" and "type" in known:
        code = known.get("code") or "worker_lost"
        event["transaction"] = known["type"]
        event["tags"] = {**event.get("tags", {}), "job_type": known["type"], "code": code}
        # Sentry keeps ten; one is what its integration for RQ says.
        told = ("event", "type", "code", "owner")
        event["extra"] = {name: value for name, value in event.get("extra", {}).items() if name not in told}
        if not event.get("exception"):
            # The text has the job's id.
            event["fingerprint"] = [known["type"], code]
    return event


def _take_over() -> None:
    """What Python would print by itself, between the lines."""
    logging.captureWarnings(True)
    sys.excepthook = _unhandled
    sys.unraisablehook = lambda lost: _say(lost.exc_value, f"ignored in {lost.object!r}")
    threading.excepthook = lambda lost: _say(lost.exc_value, f"unhandled in thread {lost.thread and lost.thread.name}")


def _unhandled(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> Any:
    if issubclass(kind, KeyboardInterrupt):
        return sys.__excepthook__(kind, error, trace)
    return _say(error, "unhandled")


def _say(error: BaseException | None, what: str) -> None:
    # A thread that ends itself is no news (`threading.excepthook`).
    if not isinstance(error, SystemExit):
        log.critical("%s: %s", what, type(error).__name__, exc_info=error)
