"""The command line: python -m service COMMAND."""

from pathlib import Path
from typing import Any

import click

from service import settings
from service.cli import EXAMPLES
from service.cli.jobs import status, submit, wait
from service.cli.tokens import tokens
from service.errors import ServiceError, SettingsError


class SettingsRefused(click.ClickException):
    """A setting that does not fit."""

    exit_code = 2


class Commands(click.Group):
    """Says in one line what it cannot do: exit code 2 for a setting, 1 for the rest."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise SettingsRefused(str(error)) from None
        except ServiceError as error:
            raise click.ClickException(error.detail) from None


@click.group(cls=Commands)
def commands() -> None:
    """Pollable: submit jobs to RQ over HTTP, and poll them until they end."""


# The commands below import what they need themselves: the others start without the web framework.


@commands.command()
def serve() -> None:
    """Run the web process; the environment says how."""
    from service.server import serve

    serve(settings.from_environment())


@commands.command()
@click.option("--redis-url", envvar="REDIS_URL", help="A Redis that runs; else one is started.")
@click.option("--port", default=8000, show_default=True, envvar="PORT")
@click.option(
    "--jobs", default=EXAMPLES, envvar="POLLABLE_JOBS", help="Modules with job types; the examples by default."
)
def dev(redis_url: str | None, port: int, jobs: str) -> None:
    """Run web and worker together, on this machine's loopback, until Ctrl-C."""
    from service.cli.dev import run

    run(redis_url, port=port, jobs=jobs)


@commands.command()
@click.option("--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A text of your own.")
@click.option("--once", is_flag=True, help="End when everything was shown, instead of serving on.")
def demo(text: Path | None, once: bool) -> None:
    """Show one real job from its submit to the end of its result."""
    from service.cli.demo import run

    run(text, once=once)


@commands.command("settings")
def settings_() -> None:
    """Print every setting, its default and its meaning, as the README has them."""
    click.echo(settings_table())


def settings_table() -> str:
    """A Markdown table of `settings.documented()`."""
    rows = [f"| `{row.variable}` | {_code(row.default)} | {row.description} |" for row in settings.documented()]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


for command in (submit, status, wait, tokens):
    commands.add_command(command)

if __name__ == "__main__":
    commands(prog_name="python -m service")
