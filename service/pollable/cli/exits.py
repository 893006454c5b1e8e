"""How a command ends that asks a service: its exit code, and one line for what went wrong."""

import click

from pollable.client.errors import ClientError, Redirected, Refused, TimedOut, Unreachable

FAILED = 1

WRONG = "an argument or a setting is wrong"
NOWHERE = "nothing answers at the address, or nothing that is Pollable"


def codes(done: str, failed: str | None = None, **others: str) -> str:
    """The exit codes of a command for its help: 0, 1, 2, and others by their numbers, as in `_4="too late"`."""
    known = {"0": done, "1": failed, "2": WRONG, **{name[1:]: text for name, text in others.items()}}
    return "\n".join(["\b", "Exit codes:", *(f"  {code}  {text}" for code, text in known.items() if text)])


CODES = codes(
    "done; where the end was waited for: the job succeeded",
    "the job failed or was cancelled, or the service refused",
    _4="--timeout is over, and the job goes on",
    _5=NOWHERE,
)


class Said(click.ClickException):
    """The service refused, in its own words."""

    exit_code = FAILED


class StillGoingOn(click.ClickException):
    """The job had not ended in time."""

    exit_code = 4


class Nowhere(click.ClickException):
    """No Pollable answers at the address."""

    exit_code = 5


def explained(error: ClientError) -> click.ClickException:
    """What a client raised, in one line."""
    text = f"{error.code}: {error.detail}" if isinstance(error, Refused) and error.code else str(error)
    line = " ".join(text.split())
    if isinstance(error, TimedOut):
        return StillGoingOn(line)
    return Nowhere(line) if isinstance(error, Unreachable | Redirected) else Said(line)
