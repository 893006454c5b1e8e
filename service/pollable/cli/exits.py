"""How a command ends that asks a service: its exit code, and one line for what went wrong."""

import click

from pollable.client.errors import ClientError, Redirected, Refused, TimedOut, Unreachable

FAILED = 1

CODES = """\b
Exit codes:
  0  done; where the end was waited for: the job succeeded
  1  the job failed or was cancelled, or the service refused
  2  an argument or a setting is wrong
  4  --timeout is over, and the job goes on
  5  nothing answers at the address, or nothing that is Pollable"""


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
