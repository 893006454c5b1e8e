"""The commands: serving, working, and what stands beside them."""

import sys
from pathlib import Path
from typing import Any

import click

from pollable import __version__
from pollable.cli.asking import json_option
from pollable.cli.completing import completion
from pollable.cli.described import openapi
from pollable.cli.documented import settings_json, settings_table
from pollable.cli.environment import configured
from pollable.cli.exits import codes
from pollable.cli.lists import list_, types
from pollable.cli.remote import cancel, delete, rerun, result, status, submit, wait
from pollable.cli.tokens import tokens
from pollable.errors import ServiceError, SettingsError


class SettingsRefused(click.ClickException):
    """A setting that does not fit."""

    exit_code = 2


class PortRefused(click.ClickException):
    """Somebody listens on the port already."""

    exit_code = 3


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
@click.version_option(__version__, prog_name="pollable")
def commands() -> None:
    """Pollable: submit jobs to RQ over HTTP, and poll them until they end."""
    # A console script sees its own directory only; job types lie in the working directory.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


# The commands below import what they need themselves, once the settings are known to be right: the others start without
# the web framework.


@commands.command(epilog=codes("told to end", "it cannot start", _3="the port is taken"))
def serve() -> None:
    """Run the web process; the environment says how."""
    known = configured()
    from pollable.cli.listening import Taken
    from pollable.cli.serving import serve

    try:
        serve(known)
    except Taken as error:
        raise PortRefused(str(error)) from None


@commands.command(epilog=codes("told to end", "it cannot begin: @worker_init raised, or its processes end at once"))
@click.option("--queues", help="Comma-separated queues in priority order. Default: POLLABLE_QUEUES.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--grace-s",
    type=click.FloatRange(min=1),
    default=25,
    show_default=True,
    help="Seconds between SIGTERM and the end; a job still running is handed back before.",
)
@click.option("--simple", is_flag=True, help="Run jobs in the worker process itself: quick, for trusted jobs.")
@click.option(
    "--jobs-per-process",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Jobs that one process runs before a fresh one takes its place.",
)
@click.option(
    "--max-memory-mb",
    type=click.IntRange(min=1),
    help="A process that is larger after a job is replaced before its time; with --jobs-per-process.",
)
@click.option(
    "--health",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that is touched every 2 s while all its processes are well, for a liveness probe.",
)
def worker(jobs_per_process: int, max_memory_mb: int | None, simple: bool, **given: Any) -> None:
    """Run the jobs of Pollable's queues."""
    known = configured()
    if simple and jobs_per_process > 1:
        raise click.UsageError("--simple runs all jobs in one process; leave --jobs-per-process out.")
    if max_memory_mb and jobs_per_process == 1:
        raise click.UsageError("--max-memory-mb is for a process that runs several jobs: set --jobs-per-process, too.")
    from pollable.cli.working import work
    from pollable.worker.horse import Stay

    sys.exit(work(known, simple=simple, stay=Stay(jobs_per_process, max_memory_mb), **given))


@commands.command(epilog=codes("told to end", "the port is taken, or web or worker ended by itself"))
@click.option(
    "--redis-url", help="A Redis that runs, else the one that REDIS_URL names; without either one is started."
)
@click.option("--port", type=click.IntRange(1, 65_535), help="The port, else PORT; 8000 by default.")
@click.option("--jobs", help="Modules with job types, else POLLABLE_JOBS; the examples by default.")
def dev(redis_url: str | None, port: int | None, jobs: str | None) -> None:
    """Run web and worker together, on this machine's loopback, until Ctrl-C."""
    configured()
    from pollable.cli.dev import run

    run(redis_url, port=port, jobs=jobs)


@commands.command(epilog=codes("all was shown", "a step failed"))
@click.option("--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A text of your own.")
@click.option("--once", is_flag=True, help="End when everything was shown, instead of serving on.")
def demo(text: Path | None, once: bool) -> None:
    """Show one real job from its submit to the end of its result."""
    configured()
    from pollable.cli.demo import run

    run(text, once=once)


@commands.command(epilog=codes("all is well", "the Redis or the port is not as it should be"))
@json_option
def check(as_json: bool) -> None:
    """Check the settings as a start would, and look at the Redis that they name."""
    known = configured()
    from pollable.cli.checking import run

    if not run(known, as_json=as_json):
        raise SystemExit(1)


@commands.command("settings", epilog=codes("done"))
@json_option
def settings_(as_json: bool) -> None:
    """Print every setting, its default and its meaning, as the README has them."""
    configured()
    click.echo(settings_json() if as_json else settings_table())


for command in (submit, status, wait, cancel, rerun, delete, result, list_, types, openapi, tokens, completion):
    commands.add_command(command)
