"""The service on one's own machine: web and worker, on whatever Redis there is."""

import contextlib
from collections.abc import Mapping

import click

from pollable.cli import EXAMPLES, embedded, stack
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
    running = stack.start(redis, environment)
    try:
        stack.wait_until_ready(running, url)
        click.echo(f"Jobs     {','.join(settings.jobs)}")
        if settings.expose_errors:
            click.echo("Errors   callers read an unexpected exception's text (POLLABLE_EXPOSE_ERRORS=true)")
        click.echo(f"Service  {url}, with one worker; Ctrl-C ends it")
        stack.wait_until_ended(running)
    finally:
        running.stop()
