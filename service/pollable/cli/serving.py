"""The web process as the command starts it: checked, then bound, then served by one process or by several."""

import logging
import sys

import uvicorn

from pollable.app import create_app
from pollable.auth.authenticator import check_exposure
from pollable.cli.listening import bound, listen, quoted
from pollable.cli.web_processes import WebProcesses
from pollable.cli.web_server import WebServer
from pollable.server import configured, options
from pollable.settings import Settings

log = logging.getLogger("pollable.http")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` before anything listens."""
    settings = check_exposure(settings)
    with bound(settings) as sockets:
        # Made here even where others serve: what cannot work ends the start, instead of one child after the other.
        app = configured(settings)
        listen(sockets)
        for each in sockets:
            host, port, *_ = each.getsockname()
            log.info("web processes: %d, listening on http://%s:%d", settings.web_concurrency, quoted(host), port)
        if settings.web_concurrency > 1:
            sys.exit(WebProcesses(sockets, size=settings.web_concurrency).run())
        WebServer(uvicorn.Config(app, **options(settings))).serve_until_told(sockets)


def check(settings: Settings) -> Settings:
    """What `serve` would refuse, without serving: `SettingsError`. The settings as the web process would have them."""
    settings = check_exposure(settings)
    create_app(settings)
    with bound(settings):
        return settings
