"""Commands over personal access tokens: create, list, revoke."""

from datetime import UTC, datetime

import click

from service import tokens as store
from service.issuer import issuer_name
from service.principal import DEFAULT_SCOPES, SCOPES
from service.redisconnection import connect
from service.settings import from_environment

DAY_S = 86_400


@click.group()
def tokens() -> None:
    """Personal access tokens, kept in the Redis of REDIS_URL."""


@tokens.command()
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
def create(subject: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token for SUBJECT and print it, this once."""
    settings = from_environment()
    token, kept = store.create(
        connect(settings), subject, issuer=issuer_name(settings), name=name, scopes=scopes, lifetime_s=days * DAY_S
    )
    click.echo(f"Token {kept.id} of {subject}, until {_day(kept.expires_at)}. It is shown only now:", err=True)
    click.echo(token)


@tokens.command("list")
def list_() -> None:
    """Print the tokens that still count; never the tokens themselves."""
    for token in store.every(connect(from_environment())):
        scopes = " ".join(sorted(token.scopes))
        click.echo(f"{token.id}  until {_day(token.expires_at)}  {token.subject}  {scopes}  {token.name}".rstrip())


@tokens.command()
@click.argument("token_or_id", metavar="TOKEN|ID")
def revoke(token_or_id: str) -> None:
    """Forget a token; web processes that remember it do so for a minute at the most."""
    token = store.revoke(connect(from_environment()), token_or_id)
    if token is None:
        raise click.ClickException("There is no such token.")
    click.echo(f"Revoked token {token.id} of {token.subject}.")


def _day(moment_ms: int) -> str:
    return f"{datetime.fromtimestamp(moment_ms / 1000, UTC):%Y-%m-%d}"
