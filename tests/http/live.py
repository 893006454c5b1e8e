"""A web process of this process: the real server on a real socket, seen from inside, too; and by hand its worker."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import redis
import uvicorn

from pollable.app import Application, assemble
from pollable.cli.web_server import WebServer
from pollable.server import options
from pollable.settings import Settings
from pollable.worker.claims import Claim, Claims, Ending, Outcome, Progress
from tests.http.calling import JOB_TYPES, catalog_of
from tests.jobs.workbench import until


class Live:
    """Serves until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        settings = msgspec.structs.replace(settings, port=0)
        catalog = catalog_of(*JOB_TYPES)
        self.services = assemble(settings, catalog, None)
        config = uvicorn.Config(Application(self.services), **{**options(settings), "loop": "asyncio"})
        self.server = WebServer(config)
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        until(lambda: self.server.started, bool)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=40)
        self.redis = redis.Redis.from_url(settings.redis_url)
        self.claims = Claims(self.redis, lease_s=30, types=[each.name for each in catalog])

    def submit(self, name: str = "anything", **members: Any) -> str:
        answer = self.http.post("/jobs", json={"type": name, "payload": {"text": "a"}, **members})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def start(self, job_id: str) -> Claim:
        claim = self.claims.claim(job_id)
        assert isinstance(claim, Claim), claim
        return claim

    def progress(self, claim: Claim, percent: int, message: str = "") -> None:
        self.claims.renew(claim, progress=Progress(percent=percent, message=message))

    def end(self, claim: Claim, result: bytes = b'{"done":true}') -> None:
        self.claims.complete(claim, Outcome(kind=Ending.SUCCEEDED, result=result))

    def have_waiting(self, many: int, *, within_s: float = 20) -> None:
        """Returns once so many wait."""
        until(lambda: len(self.services.waiting), lambda waiting: waiting == many, within_s=within_s)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(30)

    def close(self) -> None:
        self.http.close()
        self.stop()
        self.redis.close()


@contextmanager
def live(settings: Settings) -> Iterator[Live]:
    made = Live(settings)
    try:
        yield made
    finally:
        made.close()


def at_once(seconds: float) -> bool:
    return seconds < 1.5


class Asked:
    """A request under way, and how long it took."""

    def __init__(self, ask: Callable[[], httpx.Response]) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._began = time.monotonic()
        self.took_s = 0.0
        self._future = self._pool.submit(self._timed, ask)

    def _timed(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        answer = ask()
        self.took_s = time.monotonic() - self._began
        return answer

    @property
    def is_over(self) -> bool:
        return self._future.done()

    def answer(self) -> httpx.Response:
        with self._pool:
            return self._future.result(40)


def waiting_for(web: Live, path: str, *, wait: str = "wait=20", **headers: str) -> Asked:
    """A `GET` that waits by now."""
    before = len(web.services.waiting)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = Asked(lambda: httpx.get(web.url + path, headers={"prefer": wait, **named}, trust_env=False, timeout=40))
    until(lambda: asked.is_over or len(web.services.waiting) > before, bool)
    # Reads are answered in their order: by now it has seen the job, too.
    web.http.get("/jobs/none")
    return asked
