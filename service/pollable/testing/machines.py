"""What the tests of one process share: settings, a Redis server, a worker process. Each is started when needed."""

import os
import sys
from collections.abc import Sequence
from functools import cached_property

import msgspec
import pytest

from pollable import catalog as catalogs
from pollable.catalog import Catalog
from pollable.cli import embedded
from pollable.cli.owned_process import OwnedProcess
from pollable.errors import SettingsError
from pollable.settings import Settings, from_environment, variable_of
from pollable.settings.agreement import OF_WEB_TOKENS
from pollable.storage.connection import connect
from pollable.testing import AT_ONCE, WORKER
from pollable.testing.app import PollableApp
from pollable.testing.plugin import Plan

OF_PLACES = (
    *("redis_url", "redis_tls_verify", "replicas", "host", "port", "hosts", "path_prefix", "trusted_proxies"),
    *("auth", *OF_WEB_TOKENS),
)
"""Settings that are about where a service is deployed, and not about its jobs: tests must not be told of them."""
NO_JOBS = "There are no job types: name their modules in pytest's option pollable_jobs, or in POLLABLE_JOBS."
NO_SERVER = "pollable_redis = server needs redis-server on PATH, or `pip install 'pollable[dev]'`."


class Machines:
    """`modules` are those of the ini option; without any those of POLLABLE_JOBS."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._environment = _environment(modules)
        self._workers: dict[bool, OwnedProcess] = {}

    def app(self, plan: Plan) -> PollableApp:
        """A deployment without jobs. Fails the test where there cannot be one."""
        try:
            settings = from_environment(self._environment)
            types = _catalog(settings, retry_delays=plan.retry_delays)
            if plan.redis == "fake":
                return PollableApp(settings, types, fake=embedded.Fake())
            settings = msgspec.structs.replace(settings, redis_url=self._server.url)
            with connect(settings) as redis:
                redis.flushall()
            if plan.worker == "process" and plan.retry_delays not in self._workers:
                self._workers[plan.retry_delays] = self._started_worker(retry_delays=plan.retry_delays)
            return PollableApp(settings, types, is_inline=plan.worker == "inline")
        except SettingsError as error:
            pytest.fail(str(error), pytrace=False)

    def close(self) -> None:
        """End what was started."""
        for each in self._workers.values():
            each.ask_to_stop()
        for each in self._workers.values():
            each.stop()
        if "_server" in vars(self):
            self._server.close()

    @cached_property
    def _server(self) -> embedded.Private:
        program = embedded.find_server()
        if program is None:
            raise SettingsError(NO_SERVER)
        return embedded.Private(program)

    def _started_worker(self, *, retry_delays: bool) -> OwnedProcess:
        # Another worker of this run would take the jobs, and keep to its own delays.
        for other in self._workers.values():
            other.stop()
        self._workers.clear()
        changes = {"REDIS_URL": self._server.url, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-m", WORKER, *([] if retry_delays else [AT_ONCE])]
        return OwnedProcess(command, environment={**self._environment, **changes})


def _environment(modules: Sequence[str]) -> dict[str, str]:
    dropped = {variable_of(field) for field in OF_PLACES}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}  # noqa: TID251 - handed on
    names = ",".join(name for text in modules for name in text.split(",") if name)
    said = {"POLLABLE_AUTH": "none", "POLLABLE_REDIS_RISKS": "accepted", **({"POLLABLE_JOBS": names} if names else {})}
    # Who reads a failed test wants to know why.
    return {"POLLABLE_EXPOSE_ERRORS": "true", **kept, **said}


def _catalog(settings: Settings, *, retry_delays: bool) -> Catalog:
    # Those of the test's own modules count, too.
    registered = catalogs.deployed(settings, may_be_empty=True)
    if not list(registered):
        raise SettingsError(NO_JOBS)
    types = Catalog()
    for each in registered:
        types.add(each if retry_delays else msgspec.structs.replace(each, retry_delays_s=()))
    return types
