"""The service on one's own machine: web and worker, on whatever Redis there is."""

import contextlib
import time
from collections.abc import Mapping

import click

from pollable.cli import EXAMPLES, embedded, stack
from pollable.cli.reloading import LOOK_S, Code
from pollable.cli.serving import check
from pollable.settings import Settings, from_environment


def run(redis_url: str | None, *, port: int | None, jobs: str | None) -> None:
    """Serve on loopback until Ctrl-C or SIGTERM. Raises `ClickException`, `SettingsError`."""
    stack.end_orderly_on_sigterm()
    environment = _environment(redis_url, port=port, jobs=jobs)
    settings = from_environment(environment)
    check(settings)
    redis_given = environment.get("REDIS_URL", "").strip() or None
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(embedded.start(redis_given)) as redis:
        click.echo(f"Redis    {redis.description}")
        _serve(redis, environment, settings)


def _environment(redis_url: str | None, *, port: int | None, jobs: str | None) -> dict[str, str]:
    ours = {"PORT": "8000", "POLLABLE_JOBS": EXAMPLES, "POLLABLE_EXPOSE_ERRORS": "true"}
    inherited = stack.inherited()
    given = {"REDIS_URL": redis_url, "PORT": port and str(port), "POLLABLE_JOBS": jobs, "POLLABLE_HOST": "127.0.0.1"}
    unset = {name: value for name, value in ours.items() if not inherited.get(name, "").strip()}
    return {**inherited, **unset, **{name: value for name, value in given.items() if value}}


def _serve(redis: stack.AnyRedis, environment: Mapping[str, str], settings: Settings) -> None:
    url = f"http://127.0.0.1:{settings.port}"
    code = Code(settings.jobs)
    # Threads share this process's modules, which cannot be loaded a second time.
    reloads = code.is_watched and not isinstance(redis, embedded.Fake)
    running = stack.start(redis, environment)
    try:
        stack.wait_until_ready(running, url)
        click.echo(f"Jobs     {','.join(settings.jobs)}{', loaded again when their files change' if reloads else ''}")
        if settings.expose_errors:
            click.echo("Errors   callers read an unexpected exception's text (POLLABLE_EXPOSE_ERRORS=true)")
        click.echo(f"Service  {url}, with one worker; Ctrl-C ends it")
        if not reloads:
            stack.wait_until_ended(running)
        while True:
            _wait_for_change(code, running)
            click.echo("Reload   the code of the job types has changed; a running job may end first")
            running.stop()
            running = stack.start(redis, environment)
            _reloaded(running, url)
    finally:
        running.stop()


def _wait_for_change(code: Code, running: stack.Stack) -> None:
    has_run = running.ended() is None
    while not code.has_changed():
        # What cannot be loaded waits for the next change.
        if has_run and (reason := running.ended()):
            raise click.ClickException(reason)
        time.sleep(LOOK_S)


def _reloaded(running: stack.Stack, url: str) -> None:
    try:
        stack.wait_until_ready(running, url)
    except click.ClickException as error:
        running.stop()
        click.echo(f"Reload   {error.message} It is tried again after the next change.", err=True)
    else:
        click.echo(f"Service  {url} again")
