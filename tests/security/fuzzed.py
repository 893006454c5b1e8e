"""The service that is fuzzed: the real application on uvicorn as `pollable serve` has it, in a thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn

from pollable.app import create_app
from pollable.cli.embedded import Private, find_server
from pollable.server import options
from pollable.settings import Settings
from tests.http.calling import JOB_TYPES, catalog_of


@contextmanager
def service(redis_url: str | None = None) -> Iterator[int]:
    """Its port; without an address on a Redis of its own."""
    if redis_url is None:
        program = find_server()
        assert program is not None, "There is no Redis server on PATH."
        with closing(Private(program)) as own, service(own.url) as port:
            yield port
        return
    settings = Settings(redis_url=redis_url, port=0, auth="none")
    app = create_app(settings, catalog=catalog_of(*JOB_TYPES))
    server = uvicorn.Server(uvicorn.Config(app, **options(settings) | {"timeout_graceful_shutdown": 1}))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(timeout=10)
    assert not thread.is_alive()
