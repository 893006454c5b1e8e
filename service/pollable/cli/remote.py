"""Commands that ask a running service: submit, status, wait."""

import sys
import time
from typing import Any

import click
import msgspec

from pollable.cli.environment import configured
from pollable.cli.requests import Api, Response

FINAL = ("succeeded", "failed", "cancelled")
# The longest that a service holds an answer back.
HELD_S = 25

url_option = click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service is.")
token_option = click.option("--token", envvar="PBL_TOKEN", help="The caller's bearer token; PBL_TOKEN by default.")


@click.command()
@click.argument("type_name", metavar="TYPE")
@click.argument("payload", default="-")
@url_option
@token_option
def submit(type_name: str, payload: str, url: str, token: str | None) -> None:
    """Submit a job of TYPE; PAYLOAD is JSON, or "-" to read it from standard input."""
    configured()
    text = sys.stdin.read() if payload == "-" else payload
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"The payload is not JSON: {error}.") from None
    _print(Api(url, token=token).post("/jobs", {"type": type_name, "payload": value}))


@click.command()
@click.argument("job_id", metavar="ID")
@url_option
@token_option
def status(job_id: str, url: str, token: str | None) -> None:
    """Print the job ID as it is now."""
    configured()
    _print(Api(url, token=token).get(f"/jobs/{job_id}"))


@click.command()
@click.argument("job_id", metavar="ID")
@url_option
@token_option
def wait(job_id: str, url: str, token: str | None) -> None:
    """Wait until the job ID has ended and print it; exit with 1 unless it succeeded."""
    configured()
    api = Api(url, token=token)
    while True:
        asked = time.monotonic()
        answer = api.get(f"/jobs/{job_id}", prefer=f"wait={HELD_S}")
        if answer.status != 200 or answer.json()["status"] in FINAL:
            break
        # What was held back may be asked again at once; else the service says how soon.
        pause_s = float(answer.headers.get("retry-after", 1))
        time.sleep(max(0.0, pause_s - (time.monotonic() - asked)))
    _print(answer)
    sys.exit(answer.json()["status"] != "succeeded")


def _print(answer: Response) -> None:
    value: Any = answer.json()
    shown = answer.body if value is None else msgspec.json.format(answer.body)
    click.echo(shown, err=answer.status >= 400)
    if answer.status >= 400:
        sys.exit(1)
