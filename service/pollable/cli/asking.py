"""What every command has that asks a service: where it is, who asks, and how the answer is shown."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from pollable.cli.environment import configured
from pollable.cli.exits import CODES, explained
from pollable.cli.requests import Carrier
from pollable.client.errors import ClientError
from pollable.client.place import Place
from pollable.client.steps import Flow, Reply
from pollable.settings import caller

T = TypeVar("T")
HERE = "http://127.0.0.1:8000"

json_option = click.option("--json", "as_json", is_flag=True, help="For programs: JSON in one line.")
token_option = click.option("--token", envvar=caller.TOKEN, show_envvar=True, help="The caller's bearer token.")
url_option = click.option(
    "--url", envvar=caller.URL, show_envvar=True, default=HERE, show_default=True, help="Where the service is."
)


class Asking:
    """One caller of one service, for one command."""

    def __init__(self, url: str | None, token: str | None, *, as_json: bool) -> None:
        self._place = _place(url or HERE, token)
        self._as_json = as_json
        self.carrier = Carrier(self._place)

    def heed(self, heed: Callable[[Reply], None]) -> None:
        """Have every reply from now on seen."""
        self.carrier = Carrier(self._place, heed=heed)

    def run(self, make: Callable[..., Flow[T]], *args: Any, told: Callable[[Any], None] = lambda _: None) -> T:
        """What the flow returns that `make` makes of the arguments. Raises `ClickException`."""
        try:
            return self.carrier.run(make(*args), told)
        except ClientError as error:
            raise explained(error) from None
        except ValueError as error:
            raise click.UsageError(str(error)) from None

    def show(self) -> None:
        """Print the last answer, as the service gave it."""
        assert self.carrier.last is not None
        self.print_json(self.carrier.last.body)

    def print_json(self, text: bytes) -> None:
        """For people over several lines, for programs in one."""
        click.echo(msgspec.json.format(text, indent=-1 if self._as_json else 2))

    @property
    def is_for_programs(self) -> bool:
        return self._as_json


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """The command's first argument is an `Asking`; options and exit codes stand in its help."""

    @functools.wraps(function)
    def command(*args: Any, url: str, token: str | None, as_json: bool, **options: Any) -> None:
        configured()
        function(Asking(url, token, as_json=as_json), *args, **options)

    command.__doc__ = f"{function.__doc__}\n\n{CODES}"
    for decorate in (json_option, token_option, url_option):
        command = decorate(command)
    return command


def _place(url: str, token: str | None) -> Place:
    try:
        # An empty one is none: the environment has been asked.
        return Place.of(url, token or "")
    except ValueError as error:
        raise click.UsageError(str(error)) from None
