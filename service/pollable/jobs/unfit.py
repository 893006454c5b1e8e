"""Workers that take our jobs and cannot run them: which of their settings is wrong, by the traceback that RQ kept."""

import re

from pollable.jobs.foreign_results import traceback_of

_SETTINGS_ERROR = re.compile(r"^pollable\.errors\.SettingsError: (.+)", re.MULTILINE)
_NOT_INSTALLED = ("No module named 'pollable", "Invalid attribute name: pollable")

_TAKEN = "Workers took the job five times and could not run it: "


def unfitness(traceback: bytes) -> str:
    """What is wrong with the worker that left this traceback (RQ 3.0, `rq.results`)."""
    text = traceback_of({b"exc_string": traceback}, None)
    if "DeserializationError" in text:
        return _TAKEN + "an `rq worker` reads them as pickles. Start it with --serializer pollable.serializer.JSON."
    if any(words in text for words in _NOT_INSTALLED):
        return (
            _TAKEN + "an `rq worker` cannot import pollable. Install it there, or let that worker leave these queues."
        )
    if found := _SETTINGS_ERROR.search(text):
        return f"{_TAKEN}the environment of an `rq worker` is wrong. {found.group(1)}"
    return _TAKEN + "an `rq worker` on its queue is not fit for it; its log says why."
