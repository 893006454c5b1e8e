"""The command that prints a service's description."""

import click
import msgspec

from pollable.cli.asking import Asking, json_option, token_option
from pollable.cli.environment import configured
from pollable.cli.exits import NOWHERE, codes
from pollable.client.patience import exchanged
from pollable.client.steps import Flow, Request
from pollable.settings import Settings


@click.command(epilog=codes("done", "the service refused", _5=NOWHERE))
@click.option("--url", help="A service to ask. Default: none; the job types of POLLABLE_JOBS are described.")
@token_option
@json_option
def openapi(url: str | None, token: str | None, as_json: bool) -> None:
    """Print the OpenAPI 3.1 document of this environment's job types; no service has to run."""
    settings = configured()
    asking = Asking(url, token, as_json=as_json)
    if url is None:
        asking.print_json(_described(settings))
    else:
        asking.run(_fetched)
        asking.show()


def _fetched() -> Flow[msgspec.Raw]:
    return (yield from exchanged(Request(path="/openapi.json"), of=msgspec.Raw))


def _described(settings: Settings) -> bytes:
    # Here, so that the other commands start without the web framework.
    from pollable import catalog
    from pollable.app import assemble
    from pollable.http.described.document import document

    services = assemble(settings, catalog.deployed(settings), None)
    return msgspec.json.encode({**document(services), "servers": [{"url": settings.path_prefix or "/"}]})
