"""Logs: one JSON object a line for machines, or text for a terminal. No payloads, no tokens."""

import logging
import sys
from typing import Any

import msgspec

from pollable.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JSONFormatter(logging.Formatter):
    """One line of JSON: time, level, logger, message, what was given as `extra`, and a traceback where there is one."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode(errors="replace")


def configure(settings: Settings) -> None:
    """Log to standard error as the settings say; text where that is a terminal and nothing else was asked for."""
    handler = logging.StreamHandler(sys.stderr)
    log_format = settings.log_format or ("text" if sys.stderr.isatty() else "json")
    if log_format == "json":
        handler.setFormatter(JSONFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # RQ's own loggers say each job's life in prose; what is worth an operator's time is logged by ours.
    for name in ("rq.worker", "rq.job", "rq.scheduler", "rq.queue"):
        logging.getLogger(name).setLevel(logging.WARNING)
