"""The job types: public name -> function, schemas and limits. Only what is registered here can be queued."""

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, get_type_hints

import msgspec

from service.errors import SettingsError, UnknownJobType

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_ATTEMPTS = 100


class JobType(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of job. Durations are whole seconds; None means the deployment's default."""

    name: str
    function: Callable[..., Any]
    payload_type: Any
    result_type: Any
    description: str = ""
    submit: str | None = None
    envelope: str = "native"
    queue: str = "default"
    timeout_s: int | None = None
    result_ttl_s: int | None = None
    failure_ttl_s: int | None = None
    max_attempts: int = 1
    retry_delays_s: tuple[int, ...] = ()

    def decode(self, payload: bytes) -> Any:
        """The function's argument. Raises `msgspec.ValidationError` with the JSON path where it does not fit."""
        return msgspec.json.decode(payload, type=self.payload_type)

    def retry_delay_s(self, attempt: int) -> int:
        """Seconds to wait after the failed attempt number `attempt` (from 1); the last delay repeats."""
        if not self.retry_delays_s:
            return 0
        return self.retry_delays_s[min(attempt, len(self.retry_delays_s)) - 1]


class Catalog:
    """The registered job types of this process, in the order of their registration."""

    def __init__(self) -> None:
        self._types: dict[str, JobType] = {}

    def __iter__(self) -> Iterator[JobType]:
        return iter(self._types.values())

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def get(self, name: str) -> JobType:
        """Raises `UnknownJobType`."""
        try:
            return self._types[name]
        except KeyError:
            known = ", ".join(sorted(self._types)) or "none"
            raise UnknownJobType(f"There is no job type {name[:64]!r}. Registered: {known}.") from None

    def add(self, job_type: JobType) -> None:
        """Raises `SettingsError` for a declaration that cannot work, and for a name that another function has."""
        _check(job_type)
        known = self._types.get(job_type.name)
        if known is not None and _origin(known.function) != _origin(job_type.function):
            raise SettingsError(f"Two functions are registered as job type {job_type.name!r}; names must be unique.")
        self._types[job_type.name] = job_type


registered = Catalog()
"""Where `job_type` puts what a module declares when it is imported."""


def job_type(
    name: str,
    *,
    submit: str | None = None,
    envelope: str = "native",
    queue: str = "default",
    timeout_s: int | None = None,
    result_ttl_s: int | None = None,
    failure_ttl_s: int | None = None,
    max_attempts: int = 1,
    retry_delays_s: Iterable[int] = (),
) -> Callable[[F], F]:
    """Register a function, plain or `async`, as a job type. Raises `SettingsError` for what cannot work.

    Its one argument's annotation (a msgspec Struct or a builtin) validates the payload before anything is queued and
    gives the JSON Schema. `submit` is a route of its own, in `envelope`. Durations are whole seconds;
    `retry_delays_s` are the pauses between attempts, the last one repeating.
    """

    def register(function: F) -> F:
        payload_type, result_type = _signature(function, name)
        declared = JobType(
            name=name,
            function=function,
            payload_type=payload_type,
            result_type=result_type,
            description=inspect.getdoc(function) or "",
            submit=submit,
            envelope=envelope,
            queue=queue,
            timeout_s=timeout_s,
            result_ttl_s=result_ttl_s,
            failure_ttl_s=failure_ttl_s,
            max_attempts=max_attempts,
            retry_delays_s=tuple(retry_delays_s),
        )
        registered.add(declared)
        return function

    return register


def load(modules: Iterable[str]) -> Catalog:
    """Import the modules that register job types. Raises `SettingsError` naming the module that cannot be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except SettingsError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise SettingsError(f"POLLABLE_JOBS names {module!r}, which cannot be imported: {reason}") from error
    return registered


def _signature(function: Callable[..., Any], name: str) -> tuple[Any, Any]:
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 1:
        raise SettingsError(f"Job type {name!r}: the function must take exactly one argument, the payload.")
    hints = get_type_hints(function, include_extras=True)
    return hints.get(parameters[0].name, Any), hints.get("return", Any)


def _check(declared: JobType) -> None:
    durations = (declared.timeout_s, declared.result_ttl_s, declared.failure_ttl_s)
    if not _NAME.fullmatch(declared.name):
        raise SettingsError(f"Job type {declared.name!r}: a name is 1 to 64 letters, digits, '_', '.' or '-'.")
    if declared.submit is not None and not declared.submit.startswith("/"):
        raise SettingsError(f"Job type {declared.name!r}: the submit route must start with '/'.")
    if any(seconds is not None and seconds < 1 for seconds in durations):
        raise SettingsError(f"Job type {declared.name!r}: timeout and TTLs are at least one second.")
    if not 1 <= declared.max_attempts <= MAX_ATTEMPTS:
        raise SettingsError(f"Job type {declared.name!r}: max_attempts must be between 1 and {MAX_ATTEMPTS}.")
    if any(delay < 0 for delay in declared.retry_delays_s):
        raise SettingsError(f"Job type {declared.name!r}: retry delays cannot be negative.")
    try:
        msgspec.json.schema_components((declared.payload_type, declared.result_type))
    except Exception as error:
        raise SettingsError(f"Job type {declared.name!r}: an annotation has no JSON Schema: {error}") from None


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    # A module imported twice (as __main__ and by name, or reloaded) declares the same function again.
    return function.__module__, function.__qualname__
