"""Commands that list what a running service has: the caller's jobs, its job types."""

from collections.abc import Iterable
from datetime import UTC, datetime

import click
import msgspec
from msgspec import Raw

from pollable.cli.asking import Asking, asks
from pollable.cli.remote import pairs
from pollable.client import requests
from pollable.client.patience import exchanged
from pollable.client.requests import Query
from pollable.client.snapshot import Snapshot
from pollable.client.steps import Flow, Request, Told

# The most that a service lists at once.
PAGE = 100
HEADINGS = ("ID", "TYPE", "STATUS", "PROGRESS", "CREATED (UTC)", "QUEUE", "LABELS")
WIDTHS = (36, 24, 9, 8, 19, 14, 0)


class Page(msgspec.Struct, frozen=True):
    """Some jobs, as the service wrote them."""

    jobs: list[Raw]
    cursor: str | None


class Type(msgspec.Struct, frozen=True):
    """A job type, as far as a table shows it."""

    name: str
    queue: str
    description: str | None = None


class Known(msgspec.Struct, frozen=True):
    """What a service can be asked for."""

    types: list[Type] = msgspec.field(name="jobTypes")


@click.command("list")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(("queued", "scheduled", "running", "succeeded", "failed", "cancelled")),
    help="Only these; several times.",
)
@click.option("--type", "types", multiple=True, help="Only of these job types; several times.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Only with all of these; several times.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many. Default: all.")
@asks
def list_(
    asking: Asking, status: tuple[str, ...], types: tuple[str, ...], labels: tuple[str, ...], limit: int | None
) -> None:
    """List the caller's jobs, newest first, without their results; with --json a line of JSON each."""
    asked = requests.page_query(status, types, pairs(labels))
    if not asking.is_for_programs:
        click.echo(_row(HEADINGS))
    # By each page as it comes: what a reader does not go on to, such as `head`, is not asked for.
    asking.run(listed, asked, limit, told=asking.print_json if asking.is_for_programs else _print_row)


@click.command()
@asks
def types(asking: Asking) -> None:
    """List the job types of the service; with --json their schemas, too."""
    known = asking.run(_known)
    if asking.is_for_programs:
        asking.show()
        return
    width = max((len(each.name) for each in known.types), default=0)
    for each in known.types:
        click.echo(f"{each.name:{width}}  {each.queue}  {(each.description or '').partition(chr(10))[0]}".rstrip())


def listed(query: Query, limit: int | None) -> Flow[None]:
    """Tells the caller's jobs, as they were written."""
    left, cursor = limit, None
    while True:
        sized = query if left is None else [*query, ("limit", str(min(left, PAGE)))]
        page: Page = yield from exchanged(requests.page(sized, cursor=cursor), of=Page)
        for job in page.jobs:
            yield Told(bytes(job))
        left, cursor = None if left is None else left - len(page.jobs), page.cursor
        if cursor is None or left == 0:
            return


def _known() -> Flow[Known]:
    return (yield from exchanged(Request(path="/job-types"), of=Known))


def _print_row(written: bytes) -> None:
    job = msgspec.json.decode(written, type=Snapshot)
    percent = "" if job.progress.percent is None else f"{job.progress.percent} %"
    labels = " ".join(f"{name}={value}" for name, value in job.labels.items())
    click.echo(_row((job.id, job.type, job.state, percent, _moment(job.created_at), job.queue, labels)))


def _row(cells: Iterable[str]) -> str:
    # A label may hold anything: no line breaks, and nothing that a terminal obeys.
    clean = ("".join(letter if letter.isprintable() else " " for letter in cell) for cell in cells)
    return "  ".join(f"{cell:{width}}" for cell, width in zip(clean, WIDTHS, strict=True)).rstrip()


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
