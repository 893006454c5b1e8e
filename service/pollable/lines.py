"""The lines of the logs: a JSON object each for machines, or text for a terminal. No payloads, no tokens."""

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

import msgspec

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class Origin(NamedTuple):
    """The request by which something happens: its X-Request-ID, and its W3C `traceparent` where it has a valid one."""

    request_id: str = ""
    traceparent: str = ""


origin = ContextVar("origin", default=Origin())  # noqa: B039 - a tuple
"""The request that is being answered; without one both are empty."""


def traced(of: Origin) -> dict[str, str]:
    """The fields of a line that belongs to a request; `trace_id` is the second part of its `traceparent`."""
    known = (("request_id", of.request_id), ("trace_id", of.traceparent[3:35]))
    return {name: value for name, value in known if value}


def carrying(fields: Callable[[], Mapping[str, object]]) -> Callable[[logging.LogRecord], bool]:
    """A handler's filter that adds the fields, and the request's, to every line that does not have them itself."""

    def carry(record: logging.LogRecord) -> bool:
        vars(record).update({**traced(origin.get()), **fields(), **vars(record)})
        return True

    return carry


class TextFormatter(logging.Formatter):
    """Text, with the fields behind the message as name='value'. Times are RFC 3339, UTC, to the millisecond."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return super().formatMessage(record) + "".join(f" {name}={value!a}" for name, value in _extra(record).items())


class JSONFormatter(TextFormatter):
    """Time, level, logger, message, what was given as `extra`, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        head = {"time": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name}
        # A job's own `extra` may have these names, too.
        line: dict[str, Any] = {**head, "message": record.msg, **_extra(record), **head}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        try:
            line["message"] = record.getMessage()
            return msgspec.json.encode(line, enc_hook=str).decode()
        except Exception:
            # Arguments that do not fit, a lone surrogate, a list in itself: a line is written all the same.
            return msgspec.json.encode({_safe(name): _safe(value) for name, value in line.items()}).decode()


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _safe(value: object) -> str:
    try:
        return value.encode("ascii", "backslashreplace").decode() if isinstance(value, str) else ascii(value)
    except Exception:
        return type(value).__name__
