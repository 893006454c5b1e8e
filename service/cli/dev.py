"""The service on one's own machine: web and worker, on whatever Redis there is."""

import contextlib

import click

from service import embedded
from service.cli import stack


def run(redis_url: str | None, *, port: int, jobs: str) -> None:
    """Serve on loopback until Ctrl-C or SIGTERM. Raises `ClickException`, `SettingsError`."""
    stack.end_orderly_on_sigterm()
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(embedded.start(redis_url)) as redis:
        click.echo(f"Redis    {redis.description}")
        _serve(redis, port=port, jobs=jobs)


def _serve(redis: stack.AnyRedis, *, port: int, jobs: str) -> None:
    url = f"http://127.0.0.1:{port}"
    environment = stack.inherited(PORT=str(port), POLLABLE_HOST="127.0.0.1", POLLABLE_JOBS=jobs)
    running = stack.start(redis, environment)
    try:
        stack.wait_until_ready(running, url)
        click.echo(f"Jobs     {jobs}\nService  {url}, with one worker; Ctrl-C ends it")
        stack.wait_until_ended(running)
    finally:
        running.stop()
