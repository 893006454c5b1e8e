"""Commands over one job of a running service."""

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click
import msgspec

from pollable.cli.asking import Asking, asks
from pollable.cli.waiting import timeout_option, wait_and_show
from pollable.client import flows, requests
from pollable.client.answers import answered
from pollable.client.patience import exchanged
from pollable.client.requests import Options
from pollable.client.snapshot import Snapshot
from pollable.client.steps import Flow, Request

wait_option = click.option("--wait", "waits", is_flag=True, help="Wait for its end, and print that.")


@click.command()
@click.argument("type_name", metavar="TYPE")
@click.argument("payload", default="-", metavar="[PAYLOAD|@FILE|-]")
@click.option("--queue", help="One of the service's queues. Default: the job type's.")
@click.option("--delay", type=click.FloatRange(min=0), help="Seconds until it may begin.")
@click.option("--run-at", help="When it may begin, as in 2026-12-24T18:00:00+01:00.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="To find it by; several times.")
@click.option("--idempotency-key", help="The same key makes the same submit the same job.")
@wait_option
@timeout_option
@asks
def submit(
    asking: Asking,
    type_name: str,
    payload: str,
    queue: str | None,
    delay: float | None,
    run_at: str | None,
    labels: tuple[str, ...],
    idempotency_key: str | None,
    waits: bool,
    timeout_s: float | None,
) -> None:
    """Submit a job of TYPE and print it; PAYLOAD is JSON, in a file, or "-" for standard input."""
    _no_timeout_without(waits, timeout_s)
    options: Options = {
        "queue": queue,
        "delay": delay,
        "run_at": None if run_at is None else _moment(run_at),
        "labels": pairs(labels) or None,
        "idempotency_key": idempotency_key,
    }
    order = requests.order(type_name, _payload(payload), options)
    _follow(asking, asking.run(flows.submitted, order), waits=waits, timeout_s=timeout_s)


@click.command()
@click.argument("job_id", metavar="ID")
@asks
def status(asking: Asking, job_id: str) -> None:
    """Print the job ID as it is now."""
    asking.run(flows.seen, job_id)
    asking.show()


@click.command()
@click.argument("job_id", metavar="ID")
@timeout_option
@asks
def wait(asking: Asking, job_id: str, timeout_s: float | None) -> None:
    """Wait until the job ID has ended and print it. Goes on while the service is away or restarts."""
    wait_and_show(asking, job_id, timeout_s=timeout_s)


@click.command()
@click.argument("job_id", metavar="ID")
@asks
def cancel(asking: Asking, job_id: str) -> None:
    """Cancel the job ID and print it; one that runs is "running" until it has been stopped."""
    asking.run(flows.cancelled, job_id)
    asking.show()


@click.command()
@click.argument("job_id", metavar="ID")
@wait_option
@timeout_option
@asks
def rerun(asking: Asking, job_id: str, waits: bool, timeout_s: float | None) -> None:
    """Run the ended job ID again, as a new job, and print that."""
    _no_timeout_without(waits, timeout_s)
    _follow(asking, asking.run(flows.rerun, job_id), waits=waits, timeout_s=timeout_s)


@click.command()
@click.argument("job_id", metavar="ID")
@asks
def delete(asking: Asking, job_id: str) -> None:
    """Delete the ended job ID and its result."""
    asking.run(_deleted, job_id)
    if asking.is_for_programs:
        asking.print_json(msgspec.json.encode({"id": job_id, "deleted": True}))
    else:
        click.echo(f"Deleted {job_id}.")


@click.command()
@click.argument("job_id", metavar="ID")
@asks
def result(asking: Asking, job_id: str) -> None:
    """Print what the job ID returned, and nothing else."""
    asking.run(_result, job_id)
    asking.show()


def pairs(given: Iterable[str]) -> dict[str, str]:
    """Labels as they are written. Raises `UsageError`."""
    labels = {}
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise click.UsageError(f"--label {pair!r} is not NAME=VALUE.")
        labels[name] = value
    return labels


def _follow(asking: Asking, job: Snapshot, *, waits: bool, timeout_s: float | None) -> None:
    if waits:
        wait_and_show(asking, job.id, timeout_s=timeout_s)
    else:
        asking.show()


def _no_timeout_without(waits: bool, timeout_s: float | None) -> None:
    if timeout_s is not None and not waits:
        raise click.UsageError("--timeout is for --wait.")


def _deleted(job_id: str) -> Flow[None]:
    # Once: a second answer would be that there is no such job.
    answered((yield Request(method="DELETE", path=requests.job_path(job_id))))


def _result(job_id: str) -> Flow[msgspec.Raw]:
    return (yield from exchanged(Request(path=f"{requests.job_path(job_id)}/result"), of=msgspec.Raw))


def _payload(given: str) -> msgspec.Raw:
    try:
        text = sys.stdin.buffer.read() if given == "-" else Path(given[1:]).read_bytes() if given[:1] == "@" else None
    except OSError as error:
        raise click.UsageError(f"The payload's file cannot be read: {error.strerror}: {given[1:]}.") from None
    try:
        # As it was written: a number may have more digits than Python's float.
        payload = msgspec.Raw(given.encode() if text is None else text)
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise click.UsageError(f"The payload is not JSON: {error}.") from None
    return payload


def _moment(given: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(f"--run-at {given!r} is no time with its zone, such as 2026-12-24T18:00:00+01:00.")
    return moment
