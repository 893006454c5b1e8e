"""Every setting: name, type, default and a sentence, once. The only place that reads the environment."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from pollable.errors import SettingsError
from pollable.settings import caller, fronts, names, redis_address, values
from pollable.settings.agreement import require_agreement
from pollable.settings.redis_address import RedisAddress

ENVELOPES = ("plain", "record", "minimal", "managed", "agent", "native")

_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Mode = Literal["none", "jwt", "tokens"]
Processes = Annotated[int, Meta(ge=1, le=256)]
Connections = Annotated[int, Meta(ge=1, le=10_000)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
# Redis takes no longer text (proto-max-bulk-len).
Bytes = Annotated[int, Meta(ge=1, le=536_870_912)]
Depth = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Limit = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one process, read once when it starts. Field names are the environment's, in lower case.

    The text below each field says what it is: `pollable settings` and the README show it.
    """

    redis_url: str = "redis://127.0.0.1:6379/0"
    """where Redis is: redis://, rediss:// or unix://; or who knows it: redis+sentinel://"""
    host: str = "127.0.0.1"
    """the address that the web process listens on; 0.0.0.0 where a platform set PORT"""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """the port that the web process listens on"""
    web_concurrency: Processes = 1
    """web processes"""
    jobs: tuple[str, ...] = ()
    """comma-separated modules that register job types"""
    envelopes: tuple[str, ...] = ENVELOPES
    """comma-separated envelopes that are on; a dotted path names a module of your own"""
    auth: tuple[Mode, ...] | Mode | None = None
    """`none`, `jwt`, `tokens`, or several; unset: `none` where `pollable serve` is on loopback, refusal to start
    elsewhere"""
    jwt_secret: str | None = None
    """the shared secret of HS256, HS384 or HS512 tokens"""
    jwks_url: str | None = None
    """where the public keys of RS256, ES256 or EdDSA tokens are"""
    cognito_pool: str | None = None
    """an Amazon Cognito user pool, such as eu-west-1_AbCdEfGhI"""
    cognito_clients: tuple[str, ...] = ()
    """the pool's app client ids that are let in"""
    jwt_algorithms: tuple[str, ...] = ()
    """algorithms that a token may be signed with"""
    jwt_issuer: str | None = None
    """the `iss` that a token must carry"""
    jwt_audience: str | None = None
    """the `aud` that a token must carry"""
    scopes: Literal["optional", "required"] | None = None
    """`required` refuses a JSON Web Token that names no scope of ours; `optional`, or unset: it may read and write its
    owner's jobs"""
    hosts: tuple[str, ...] = ()
    """comma-separated names and addresses that callers may know the service by, besides loopback's; `*`: any; unset:
    loopback alone where everyone is let in, else any"""
    cors_origins: tuple[str, ...] = ()
    """comma-separated origins, such as https://app.example.com, whose pages may call the service from a browser; `*`:
    any, where authentication is on"""
    path_prefix: str = ""
    """what a proxy takes off the front of each path, such as /pollable; links begin with it"""
    trusted_proxies: tuple[str, ...] = ()
    """comma-separated addresses and networks of proxies, or `unix`, whose X-Forwarded-For, -Proto and -Prefix
    are believed"""
    foreign_jobs: Literal["off", "read", "read-data"] = "off"
    """`read` shows jobs that other code enqueued with plain RQ; `read-data` also their pickled results, where
    these are plain data"""
    queues: tuple[str, ...] = ("pollable-high", "pollable", "pollable-low")
    """the queues that job types may name, in priority order; the middle one is their default"""
    job_timeout_s: Seconds = 600
    """seconds that a job may run"""
    result_ttl_s: Seconds = 3600
    """seconds that a result is kept"""
    failure_ttl_s: Seconds = 86_400
    """seconds that a failure is kept"""
    max_body_bytes: Bytes = 262_144
    """the largest request body"""
    body_s: Seconds = 300
    """seconds in which a request's body must have come"""
    body_rate: Limit = 1_000
    """bytes a second that a request's body must bring; looked at every 10 s"""
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """connections that one web process holds before it closes the oldest idle one; unset: seven eighths of what the
    limit of open files allows, 20000 at most"""
    max_waiters: Limit = 20_000
    """requests whose answer one web process holds back, and streams; of one owner a tenth, and no more than three
    quarters of the connections; past it a wait answers at once"""
    max_result_bytes: Bytes = 1_048_576
    """the largest result, as JSON"""
    max_queue_depth: Depth = 100_000
    """jobs that may wait in one queue, those apart that are due later"""
    owner_max_jobs: Limit = 10_000
    """jobs of one owner that may wait, be scheduled or run at once; 0: no limit"""
    owner_max_bytes: Annotated[int, Meta(ge=0, le=2**53)] = 268_435_456
    """bytes that the jobs of one owner may hold, ended ones until they expire; 0: no limit"""
    rerun_ttl_s: Seconds = 3600
    """seconds after a job's end for which its payload is kept, so that it can be rerun"""
    memory_headroom: Annotated[int, Meta(ge=0, le=50)] = 5
    """percent of Redis' `maxmemory` that new jobs leave free, so that those that are there can end"""
    quota_polls: Limit | None = None
    """polls an owner may make in a minute; 0: no limit; unset: 120 in `agent`"""
    quota_reads: Limit | None = None
    """other reads an owner may make in a minute; 0: no limit; unset: 100 in `agent`"""
    quota_writes: Limit | None = None
    """writes an owner may make in a minute; 0: no limit; unset: 20 in `agent`, elsewhere 600 where authentication
    is on"""
    lease_s: Annotated[float, Meta(ge=1, le=3600)] = 6.0
    """seconds that a silent worker keeps a job before it is taken away"""
    expose_errors: bool = False
    """whether callers read the first line of an unexpected exception's text, too"""
    redis_connections: Connections = 10
    """connections to Redis that one web process may hold; requests wait in line for one"""
    page: bool = True
    """whether `GET /` is the page: submit, watch, cancel, rerun"""
    public_docs: bool = False
    """whether everyone may read `/openapi.json` and the details of `/readyz`, as else those who may read jobs"""
    metrics: Literal["off", "admin", "public"] = "off"
    """who may read `/metrics`: nobody, those whose token has `jobs:admin`, or everyone; needs the extra `metrics`"""
    redis_tls_verify: bool = True
    """`false` accepts the self-signed certificate of Heroku's Redis"""
    replicas: Annotated[int, Meta(ge=0, le=64)] = 0
    """replicas of Redis that must have a job before its submit is answered; fewer within 0.3 s: 503"""
    redis_risks: Literal["told", "accepted"] = "told"
    """`accepted`: no log line and no `/readyz` says any more what this Redis may lose, where that cannot be changed"""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """the least severe message that is logged"""
    log_tracebacks: bool = True
    """whether a worker logs the traceback of a job's exception, whose text may quote the job's payload"""
    log_format: Literal["json", "text"] | None = None
    """`json` or `text`; unset: text on a terminal, else json"""

    def __post_init__(self) -> None:
        # msgspec converts nothing where Python code makes a Struct: there, too, a list may be written as one text.
        for field, hint in _hints().items():
            value = getattr(self, field)
            if isinstance(value, str | list | tuple) and values.is_list(hint):
                several = values.listed(variable_of(field), value) if isinstance(value, str) else value
                values.require_distinct(variable_of(field), several)
                msgspec.structs.force_setattr(self, field, tuple(several))
        msgspec.structs.force_setattr(self, "path_prefix", fronts.checked_prefix(self.path_prefix))
        msgspec.structs.force_setattr(self, "hosts", tuple(fronts.checked_host(name) for name in self.hosts))
        origins = tuple(fronts.checked_origin(origin) for origin in self.cors_origins)
        msgspec.structs.force_setattr(self, "cors_origins", origins)
        for proxy in self.trusted_proxies:
            if proxy != fronts.UNIX:
                fronts.network(proxy)
        redis_address.parse(self.redis_url)

    def __repr__(self) -> str:
        # Whoever prints or logs them must not print a secret.
        return f"Settings({self.redis}, ...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("redis", self.redis)]

    @property
    def redis(self) -> RedisAddress:
        """Where Redis is."""
        return redis_address.parse(self.redis_url)

    @property
    def is_open(self) -> bool:
        """Whether everyone is let in; so it is, too, as long as nothing was said of it."""
        return self.auth in (None, ("none",))

    @property
    def default_queue(self) -> str:
        """The middle one, of two the first: where job types go that name none."""
        return self.queues[(len(self.queues) - 1) // 2]


UNPREFIXED = ("redis_url", "port", "web_concurrency")
"""Named as Heroku sets them; all else starts with POLLABLE_."""


def variable_of(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    return field.upper() if field in UNPREFIXED else f"POLLABLE_{field.upper()}"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment. Raises `SettingsError` for a name, a value, or two values that do not fit."""
    fields = {variable_of(field): field for field in Settings.__struct_fields__}
    names.refuse_unknown(environ, {*fields, caller.URL, caller.TOKEN})
    given = {
        field: values.parsed(variable, environ[variable], _hints()[field])
        for variable, field in fields.items()
        if environ.get(variable, "").strip()
    }
    if "port" in given:
        # Whoever assigns the port (Heroku's router, honcho) routes to it from outside this host.
        given.setdefault("host", "0.0.0.0")  # noqa: S104 - without authentication the server refuses to start there
    settings = Settings(**given)
    for name in settings.jobs:
        _require_module("POLLABLE_JOBS", name)
    for name in settings.envelopes:
        # A dotted path is a module with an envelope of the deployment's own.
        if "." in name:
            _require_module("POLLABLE_ENVELOPES", name)
        elif name not in ENVELOPES:
            there = f"there are {', '.join(ENVELOPES)}; the nearest is {names.nearest(name, ENVELOPES)}"
            raise SettingsError(f"POLLABLE_ENVELOPES names {name!r}; {there}.")
    check_queues("POLLABLE_QUEUES", settings.queues)
    require_agreement(settings)
    return settings


def check_queues(source: str, queues: Sequence[str]) -> None:
    """Raises `SettingsError` unless there are queues, of names that cannot be mistaken for another of RQ's keys."""
    if not queues:
        raise SettingsError(f"{source} names no queue.")
    for name in queues:
        if not _QUEUE.fullmatch(name):
            raise SettingsError(f"{source} names {name!r}; a queue's name is 1 to 64 letters, digits, '_', '.' or '-'.")


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Settings, include_extras=True)


def _require_module(variable: str, name: str) -> None:
    if not all(part.isidentifier() for part in name.split(".")):
        raise SettingsError(f"{variable} names {name!r}, which is no module's name, such as myapp.jobs.")
