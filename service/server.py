"""The web process: uvicorn as we need it."""

import gc
from typing import Any

import uvicorn

from service import catalog, logs
from service.app import create_app
from service.auth import check_exposure
from service.protocol import BoundedProtocol
from service.settings import Settings, from_environment

# Longer than the 90 s and 60 s after which Heroku's router and AWS' load balancers drop an idle connection: were we
# the first to close it, a request on its way would be lost.
KEEP_ALIVE_S = 95
GC_THRESHOLD = (20_000, 20, 20)
# Within the 30 s that Heroku, Docker and Kubernetes give between SIGTERM and SIGKILL.
SHUTDOWN_S = 25


def application() -> Any:
    """The ASGI application of this process's environment, for `uvicorn --factory service.server:application`."""
    settings = from_environment()
    logs.configure(settings)
    app = create_app(settings)
    # What was made until here stays; a poll makes no cycles. Collecting less often saves a fifth of a poll's CPU time.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    return app


def options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told, wherever it runs."""
    return {
        "host": settings.host,
        "port": settings.port,
        "http": BoundedProtocol,
        "loop": "uvloop",
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": SHUTDOWN_S,
    }


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` before anything listens."""
    check_exposure(settings)
    catalog.load(settings.jobs)
    logs.configure(settings)
    uvicorn.run("service.server:application", factory=True, workers=settings.web_concurrency, **options(settings))
