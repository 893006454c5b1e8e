"""Every setting: name, type, default and a sentence, once. The only place that reads the environment."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from service.errors import SettingsError

ENVELOPES = ("plain", "record", "minimal", "managed", "agent", "native")

_QUEUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Positive = Annotated[int, Meta(ge=1)]
Quota = Annotated[int, Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one process, read once when it starts. Field names are the environment's, in lower case."""

    redis_url: Annotated[str, Meta(description="where Redis is: redis://, rediss:// or unix://")] = (
        "redis://127.0.0.1:6379/0"
    )
    host: Annotated[
        str, Meta(description="the address that the web process listens on; 0.0.0.0 where a platform set PORT")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="the port that the web process listens on")] = 8000
    web_concurrency: Annotated[Positive, Meta(description="web processes")] = 1
    jobs: Annotated[tuple[str, ...], Meta(description="comma-separated modules that register job types")] = ()
    envelopes: Annotated[
        tuple[str, ...],
        Meta(description="comma-separated envelopes that are on; a dotted path names a module of your own"),
    ] = ENVELOPES
    auth: Annotated[
        tuple[Literal["none", "jwt", "tokens"], ...] | None,
        Meta(description="`none`, `jwt`, `tokens`, or several; unset: `none` on loopback, refusal to start elsewhere"),
    ] = None
    jwt_secret: Annotated[str | None, Meta(description="the shared secret of HS256, HS384 or HS512 tokens")] = None
    jwks_url: Annotated[str | None, Meta(description="where the public keys of RS256, ES256 or EdDSA tokens are")] = (
        None
    )
    cognito_pool: Annotated[
        str | None, Meta(description="an Amazon Cognito user pool, such as eu-west-1_AbCdEfGhI")
    ] = None
    cognito_clients: Annotated[tuple[str, ...], Meta(description="the pool's app client ids that are let in")] = ()
    jwt_algorithms: Annotated[tuple[str, ...], Meta(description="algorithms that a token may be signed with")] = ()
    jwt_issuer: Annotated[str | None, Meta(description="the `iss` that a token must carry")] = None
    jwt_audience: Annotated[str | None, Meta(description="the `aud` that a token must carry")] = None
    foreign_jobs: Annotated[
        Literal["off", "read"], Meta(description="`read` shows jobs that other code enqueued with plain RQ")
    ] = "off"
    queues: Annotated[tuple[str, ...], Meta(description="the queues that job types may name, in priority order")] = (
        "high",
        "default",
        "low",
    )
    job_timeout_s: Annotated[Positive, Meta(description="seconds that a job may run")] = 600
    result_ttl_s: Annotated[Positive, Meta(description="seconds that a result is kept")] = 3600
    failure_ttl_s: Annotated[Positive, Meta(description="seconds that a failure is kept")] = 86_400
    max_body_bytes: Annotated[Positive, Meta(description="the largest request body")] = 262_144
    max_result_bytes: Annotated[Positive, Meta(description="the largest result, as JSON")] = 1_048_576
    max_queue_depth: Annotated[Positive, Meta(description="jobs that may wait in one queue")] = 100_000
    quota_polls: Annotated[
        Quota | None, Meta(description="polls an owner may make in a minute; 0: no limit; unset: 120 in `agent`")
    ] = None
    quota_reads: Annotated[
        Quota | None, Meta(description="other reads an owner may make in a minute; unset: 100 in `agent`")
    ] = None
    quota_writes: Annotated[
        Quota | None, Meta(description="writes an owner may make in a minute; unset: 20 in `agent`")
    ] = None
    lease_s: Annotated[
        float, Meta(ge=1, le=3600, description="seconds that a silent worker keeps a job before it is taken away")
    ] = 6.0
    expose_errors: Annotated[bool, Meta(description="whether an unexpected exception's message reaches the caller")] = (
        True
    )
    redis_tls_verify: Annotated[
        bool, Meta(description="`false` accepts the self-signed certificate of Heroku's Redis")
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="the least severe message that is logged")
    ] = "info"
    log_format: Annotated[
        Literal["json", "text"] | None, Meta(description="`json` or `text`; unset: text on a terminal, else json")
    ] = None


class Documented(msgspec.Struct, frozen=True):
    """One setting as the README's table shows it."""

    variable: str
    default: str
    description: str


UNPREFIXED = ("redis_url", "port", "web_concurrency")
"""Named as Heroku sets them; all else starts with POLLABLE_."""


def variable_of(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    return field.upper() if field in UNPREFIXED else f"POLLABLE_{field.upper()}"


def documented() -> list[Documented]:
    """Every setting, in declaration order."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        Documented(variable_of(field.name), _shown(field.default), _description(hints[field.name]))
        for field in msgspec.structs.fields(Settings)
    ]


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment. Raises `SettingsError` for an unknown name or a value that does not fit."""
    fields = {variable_of(field): field for field in Settings.__struct_fields__}
    _refuse_unknown(environ, fields)
    given = {field: environ[variable] for variable, field in fields.items() if environ.get(variable, "") != ""}
    if "port" in given:
        # Whoever assigns the port (Heroku's router, honcho) routes to it from outside this host.
        given.setdefault("host", "0.0.0.0")  # noqa: S104 - without authentication the server refuses to start there
    settings = msgspec.structs.replace(Settings(), **{field: _parsed(field, text) for field, text in given.items()})
    _refuse_unknown_envelopes(settings)
    check_queues("POLLABLE_QUEUES", settings.queues)
    return settings


def check_queues(source: str, names: Sequence[str]) -> None:
    """Raises `SettingsError` unless there are queues, of names that cannot be mistaken for another of RQ's keys."""
    if not names:
        raise SettingsError(f"{source} names no queue.")
    for name in names:
        if not _QUEUE.fullmatch(name):
            raise SettingsError(f"{source} names {name!r}; a queue's name is 1 to 64 letters, digits, '_', '.' or '-'.")


def _parsed(field: str, text: str) -> Any:
    hint = get_type_hints(Settings, include_extras=True)[field]
    value: object = [part.strip() for part in text.split(",") if part.strip()] if _is_list(hint) else text.strip()
    try:
        return msgspec.convert(value, type=hint, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{variable_of(field)}={text!r} does not fit: {error}. It is {_description(hint)}."
        ) from None


def _refuse_unknown(environ: Mapping[str, str], known: Mapping[str, str]) -> None:
    for name in environ:
        if name.startswith("POLLABLE_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise SettingsError(f"There is no setting {name}; the nearest known name is {near[0]}.")


def _refuse_unknown_envelopes(settings: Settings) -> None:
    for name in settings.envelopes:
        # A dotted path is a module with an envelope of the deployment's own.
        if name not in ENVELOPES and "." not in name:
            raise SettingsError(f"POLLABLE_ENVELOPES names {name!r}; there are {', '.join(ENVELOPES)}.")


def _is_list(hint: Any) -> bool:
    return "tuple[" in str(hint)


def _description(hint: Any) -> str:
    for part in reversed(getattr(hint, "__metadata__", ())):
        if isinstance(part, Meta) and part.description:
            return part.description
    return ""


def _shown(default: Any) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)
