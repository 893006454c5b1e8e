"""Commands over personal access tokens: create, list, revoke."""

import sys
from datetime import UTC, datetime
from getpass import getpass

import click
import msgspec

from pollable.auth.access_tokens import PREFIX
from pollable.auth.issuer import issuer_name
from pollable.auth.principal import DEFAULT_SCOPES, SCOPES
from pollable.cli import issued_tokens as store
from pollable.cli.asking import json_option
from pollable.cli.environment import configured
from pollable.cli.exits import codes
from pollable.storage.connection import connect

DAY_S = 86_400


@click.group()
def tokens() -> None:
    """Personal access tokens, kept in the Redis of REDIS_URL."""


@tokens.command(epilog=codes("done", "Redis cannot be asked"))
@click.argument("subject")
@click.option("--name", default="", help="What the token is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=sorted(DEFAULT_SCOPES),
    show_default=True,
    type=click.Choice(sorted(SCOPES)),
    help="What it allows; may be given several times.",
)
@click.option("--days", default=365, show_default=True, help="How long it lasts.")
@json_option
def create(subject: str, name: str, scopes: tuple[str, ...], days: int, as_json: bool) -> None:
    """Make a token for SUBJECT and print it, this once."""
    settings = configured()
    token, kept = store.create(
        connect(settings), subject, issuer=issuer_name(settings), name=name, scopes=scopes, lifetime_s=days * DAY_S
    )
    if as_json:
        click.echo(msgspec.json.encode(_shown(kept) | {"token": token}))
        return
    click.echo(f"Token {kept.id} of {subject}, until {_day(kept.expires_at)}. It is shown only now:", err=True)
    click.echo(token)


@tokens.command("list", epilog=codes("done", "Redis cannot be asked"))
@json_option
def list_(as_json: bool) -> None:
    """Print the tokens that still count, each by its id; never the tokens themselves."""
    for token in store.every(connect(configured())):
        if as_json:
            click.echo(msgspec.json.encode(_shown(token)))
            continue
        used = "never used" if token.used_on is None else f"used {_day(token.used_on * DAY_S * 1000)}"
        scopes = " ".join(sorted(token.scopes))
        until = f"until {_day(token.expires_at)}"
        click.echo("  ".join([token.id, until, used, token.subject, scopes, token.name]).rstrip())


@tokens.command(epilog=codes("done", "there is no such token, or Redis cannot be asked"))
@click.argument("token_id", metavar="[ID]", required=False)
@json_option
def revoke(token_id: str | None, as_json: bool) -> None:
    """Forget a token: it writes no more, and reads for 5 s at the most.

    Without ID the token, or its id, is read from standard input: arguments show in the list of processes.
    """
    if token_id is not None and token_id.startswith(PREFIX):
        raise click.UsageError("A token shows in the list of processes: give its id, or the token on standard input.")
    settings = configured()
    token = store.revoke(connect(settings), _given() if token_id is None else token_id)
    if token is None:
        raise click.ClickException("There is no such token.")
    if as_json:
        click.echo(msgspec.json.encode(_shown(token) | {"revoked": True}))
    else:
        click.echo(f"Revoked token {token.id} of {token.subject}.")


def _shown(token: store.AccessToken) -> dict[str, object]:
    return {
        "id": token.id,
        "subject": token.subject,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "expiresOn": _day(token.expires_at),
        "usedOn": None if token.used_on is None else _day(token.used_on * DAY_S * 1000),
    }


def _given() -> str:
    return getpass("Token or id: ") if sys.stdin.isatty() else sys.stdin.read().strip()


def _day(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d}"
