"""What a test has in its hands: a deployment without a network."""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Unpack

import msgspec

from pollable.api.blocking import Jobs
from pollable.api.desk import JobFunction, Options, Whose
from pollable.api.job import Job
from pollable.catalog import Catalog
from pollable.cli import embedded
from pollable.settings import Settings
from pollable.storage.connection import NOTHING, WEB_TIMEOUT_S, connect
from pollable.testing.inline import InlineWorker
from pollable.testing.jobs import WorkingAsyncJobs, WorkingJobs
from pollable.worker.attempt import Workshop

if TYPE_CHECKING:
    from pollable.client import Client
    from pollable.testing.service import Service

WAIT_S = 10.0
NO_CLIENT = "`pollable_app.client` needs the client, which is an extra: pip install 'pollable[client]'."


class Submitted:
    """A job that a test submitted."""

    def __init__(self, jobs: Jobs, job_id: str) -> None:
        self._jobs = jobs
        self.id = job_id

    def __repr__(self) -> str:
        return f"Submitted({self.id!r})"

    def get(self) -> Job:
        """The job as it is now."""
        return self._jobs.get(self.id)

    def wait(self, timeout: float = WAIT_S) -> Job:
        """The job once it has ended, however. Raises TimeoutError after so many seconds."""
        return self._jobs.wait(self.id, timeout=timeout)


class PollableApp:
    """A deployment with these job types, on a Redis without jobs. `jobs` and `async_jobs` are for code that submits."""

    def __init__(
        self, settings: Settings, types: Catalog, *, fake: embedded.Fake | None = None, is_inline: bool = True
    ) -> None:
        self.settings = settings
        self._types = types
        self._fake = fake
        self._open = ExitStack()
        self._services: dict[str, Service] = {}
        self._clients: dict[str | None, Client] = {}
        self._turn: Callable[[], object] = NOTHING
        self.redis = connect(settings, timeout_s=WEB_TIMEOUT_S) if fake is None else fake.connect()
        self._open.callback(self.redis.close)
        if is_inline:
            self._turn = InlineWorker(self.redis, Workshop(settings, types)).turn
        self.jobs = WorkingJobs(settings, catalog=types, redis=self.redis, turn=self._turn)
        self.async_jobs = WorkingAsyncJobs(settings, catalog=types, fake=fake, turn=self._turn)

    def __repr__(self) -> str:
        return f"PollableApp({', '.join(each.name for each in self._types)})"

    def submit(
        self, type: str | JobFunction, payload: object, *, owner: Whose = None, **options: Unpack[Options]
    ) -> Submitted:
        """Submit a job, with all that `Jobs.submit` takes and raises."""
        return Submitted(self.jobs, self.jobs.submit(type, payload, owner=owner, **options).id)

    @property
    def client(self) -> "Client":
        """A client over HTTP, without a network, of somebody without a token: sees the jobs that are nobody's."""
        return self._client(None)

    def client_of(self, owner: str) -> "Client":
        """The same with a token of that owner: sees what was submitted with `owner=`."""
        return self._client(owner)

    def close(self) -> None:
        """End what was begun."""
        self._open.close()

    def _client(self, owner: str | None) -> "Client":
        if owner not in self._clients:
            try:
                from pollable.testing import service
            except ModuleNotFoundError as error:
                if error.name != "httpx2":
                    raise
                raise ModuleNotFoundError(NO_CLIENT, name="httpx2") from None
            kind = "none" if owner is None else "jwt"
            if kind not in self._services:
                made = service.Service(_with_auth(self.settings, kind), self._types, self._fake)
                self._services[kind] = self._open.enter_context(made)
            self._clients[owner] = self._open.enter_context(self._services[kind].client(owner, meanwhile=self._turn))
        return self._clients[owner]


def _with_auth(settings: Settings, kind: str) -> Settings:
    secret = {"jwt_secret": secrets.token_hex(32)} if kind == "jwt" else {}
    return msgspec.structs.replace(settings, auth=(kind,), **secret)
