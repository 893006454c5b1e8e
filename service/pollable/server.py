"""The web process: uvicorn as we need it."""

import ctypes
import gc
import logging
import multiprocessing
import sys
from functools import partial
from typing import Any

from uvicorn.config import STARTUP_FAILURE

from pollable import logs
from pollable.app import create_app
from pollable.auth.authenticator import check_exposure
from pollable.errors import SettingsError
from pollable.http.connection import BoundedProtocol
from pollable.http.room import Room
from pollable.settings import Settings, from_environment
from pollable.settings.limits import limits_of

log = logging.getLogger("pollable.http")

# Longer than the 90 s and 60 s after which Heroku's router and AWS' load balancers drop an idle connection: were we
# the first to close it, a request on its way would be lost.
KEEP_ALIVE_S = 95
GC_THRESHOLD = (20_000, 20, 20)
# Within the 30 s that Heroku and Kubernetes give between SIGTERM and SIGKILL, of which the port's closing takes some.
SHUTDOWN_S = 22


def application() -> Any:
    """The ASGI application of this process's environment, for `uvicorn --factory pollable.server:application`.

    Where another server listens than the settings say, POLLABLE_AUTH must be set: this cannot know. What cannot work
    ends the process with one line.
    """
    app = checked_application()
    log.info(
        "web process: only `pollable serve` limits the size and time of heads and trailers, the time of bodies and of "
        "unread answers, pipelined requests, and the number of connections; here all this is up to the server"
    )
    return app


def checked_application() -> Any:
    """The same where `BoundedProtocol` serves it."""
    try:
        return configured(check_exposure(from_environment()))
    except SettingsError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        # The second code tells the parent of several that the others cannot start either.
        sys.exit(2 if multiprocessing.parent_process() is None else STARTUP_FAILURE)


def configured(settings: Settings) -> Any:
    """The application, with the process's logs and memory arranged for it. Raises `SettingsError`."""
    logs.configure(settings)
    return _tuned(create_app(settings))


def _tuned(app: Any) -> Any:
    # What was made until here stays; a poll makes no cycles. Collecting less often saves a fifth of a poll's CPU time.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3). As glibc has them, what an answer of a megabyte took is given
    # back and got anew, page by page, for the next: twice the CPU time of all else.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda _option, _size: None)
    mallopt(-1, 16 * 1024 * 1024)
    mallopt(-3, 8 * 1024 * 1024)
    return app


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told, wherever it runs. The process may have as many files open as may be, from here on."""
    limits = limits_of(settings)
    return {
        "host": settings.host,
        "port": settings.port,
        "http": partial(BoundedProtocol, limits=limits, room=Room(limits.connections)),
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # `http.forwarded` has the one rule for them.
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": SHUTDOWN_S,
    }
