"""The service on one's own machine: web and worker, on whatever Redis there is."""

import click

from service import embedded
from service.cli import stack


def run(redis_url: str | None, *, port: int, jobs: str) -> None:
    """Serve on loopback until Ctrl-C. Raises `ClickException`, `SettingsError`."""
    stack.end_orderly_on_sigterm()
    url = f"http://127.0.0.1:{port}"
    redis = embedded.start(redis_url)
    try:
        click.echo(f"Redis    {redis.description}")
        environment = stack.inherited(PORT=str(port), POLLABLE_HOST="127.0.0.1", POLLABLE_JOBS=jobs)
        running = stack.start(redis, environment)
        try:
            stack.wait_until_ready(running, url)
            click.echo(f"Jobs     {jobs}\nService  {url}, with one worker; Ctrl-C ends it")
            stack.wait_until_ended(running)
        finally:
            running.stop()
    finally:
        redis.close()
