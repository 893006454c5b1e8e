"""Why a job of other code failed, from the text that RQ kept: a traceback, or a sentence of RQ's own."""

import re

from pollable.model import Failure, failure_of_exception

MESSAGE_LENGTH = 500

_HEADER = re.compile(r"^(?:  \+ Exception Group )?Traceback \(most recent call last\):$", re.MULTILINE)
_CHAINED = re.compile(
    r"^(?:The above exception was the direct cause of the following exception:"
    r"|During handling of the above exception, another exception occurred:)\n+"
    r"(?=(?:  \+ Exception Group )?Traceback \()",
    re.MULTILINE,
)
# `module.Class: text`, `Class`, `module.function.<locals>.Class`; the text may begin on the next line.
_NAMED = re.compile(r"((?:[^\W\d]\w*\.|<locals>\.)*[^\W\d]\w*)(?::(?: |$)|$)")
_LOOKS_LIKE_ONE = re.compile(r"(?:Error|Exception|Warning|Exit|Interrupt|Timeout)$")
_GROUP_MARGIN = "  | "
_LOST = Failure("worker_lost", "The worker that ran the job was lost.")
_RQ_SAYS = {
    "Work-horse ": Failure("killed", "The process that ran the job was killed."),
    "Moved to FailedJobRegistry": _LOST,
    "Job was stuck in intermediate queue": _LOST,
    "Job stopped by user": Failure("cancelled", "The job was stopped."),
}
"""How sentences of RQ 1.0 to 3.0 begin, for jobs that ended without an exception."""
_RQ_RAISES = {
    "JobTimeoutException": Failure("timeout", "The job ran longer than it may."),
    "AbandonedJobError": _LOST,
    "MemoryError": Failure("out_of_memory", "The job ran out of memory."),
}


def failure_told(text: str, *, expose: bool) -> Failure:
    """The failure of a job, from what RQ kept of it; `expose`: whether the exception's own words may be read."""
    for beginning, failure in _RQ_SAYS.items():
        if text.startswith(beginning):
            return failure
    line, is_naming = _told(text)
    named = _NAMED.match(line)
    if named is None or not (is_naming or _LOOKS_LIKE_ONE.search(named.group(1))):
        return Failure("exception", line if expose and line else "The job failed.")
    name = named.group(1).rpartition(".")[2]
    if name in _RQ_RAISES:
        return _RQ_RAISES[name]
    return failure_of_exception(name[:100], line[named.end() :] if expose else "")


def _told(text: str) -> tuple[str, bool]:
    """The line that names the exception that ended the job, of a group its own line, and whether it must do so.

    Below it may come more of its text, its notes, and the exceptions of a group.
    """
    *_, block = _CHAINED.split(text)
    header = _HEADER.search(block)
    # Of a traceback without its beginning the last frame is the last of the exception that counts.
    begin = header.end() if header else block.rfind("\n  File ") + 1
    lines = block[begin:].split("\n")
    if header and header.group().startswith("  +"):
        lines = [line.removeprefix(_GROUP_MARGIN) for line in lines if line.startswith(_GROUP_MARGIN)]
    # Frames and their source are indented, the exception is not.
    line = next((line for line in lines if line and not line[0].isspace()), "")
    return line[:MESSAGE_LENGTH].rstrip(), header is not None
