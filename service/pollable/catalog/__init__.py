"""The job types: public name -> function, schemas and limits. Only what is registered here can be queued."""

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar, overload

import msgspec

from pollable.catalog import codes
from pollable.catalog.signature import annotations, check_schemas
from pollable.errors import SettingsError, UnknownJobType
from pollable.settings import Settings

F = TypeVar("F", bound=Callable[[Any], Any])

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_ATTEMPTS = 100


class JobType(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of job. Durations are whole seconds; None means the deployment's default, also of `queue`."""

    name: str
    function: Callable[..., Any]
    payload_type: Any
    result_type: Any
    description: str = ""
    submit: str | None = None
    envelope: str = "native"
    queue: str | None = None
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


@overload
def job_type(name: F, /) -> F: ...


@overload
def job_type(
    name: str | None = None,
    /,
    *,
    submit: str | None = None,
    envelope: str = "native",
    queue: str | None = None,
    timeout_s: int | None = None,
    result_ttl_s: int | None = None,
    failure_ttl_s: int | None = None,
    max_attempts: int = 1,
    retry_delays_s: Iterable[int] = (),
) -> Callable[[F], F]: ...


def job_type(
    name: str | F | None = None,
    /,
    *,
    submit: str | None = None,
    envelope: str = "native",
    queue: str | None = None,
    timeout_s: int | None = None,
    result_ttl_s: int | None = None,
    failure_ttl_s: int | None = None,
    max_attempts: int = 1,
    retry_delays_s: Iterable[int] = (),
) -> F | Callable[[F], F]:
    """Register a function, plain or `async`, as a job type. Raises `SettingsError` for what cannot work.

    The annotation of its one argument validates the payload before anything is queued; that and the result's give
    the JSON Schemas (`Any` takes everything). Without a `name`, or as a bare `@job_type`, the function's name is the
    job type's. `submit` is a route of its own, in `envelope`. Without a `queue` jobs go to the deployment's middle one.
    Durations are whole seconds; `retry_delays_s` are the pauses between attempts, the last one repeating.
    """

    options = {
        "submit": submit, "envelope": envelope, "queue": queue, "timeout_s": timeout_s, "result_ttl_s": result_ttl_s,
        "failure_ttl_s": failure_ttl_s, "max_attempts": max_attempts, "retry_delays_s": tuple(retry_delays_s),
    }  # fmt: skip

    def register(function: F) -> F:
        registered.add(_declared(function, given, options))
        return function

    given = name if isinstance(name, str) else None
    return register if name is None or isinstance(name, str) else register(name)


def _declared(function: Callable[..., Any], name: str | None, options: Mapping[str, Any]) -> JobType:
    public = function.__name__ if name is None and inspect.isfunction(function) else name
    payload_type, result_type = annotations(function, str(public or function))
    return JobType(
        name=str(public),
        function=function,
        payload_type=payload_type,
        result_type=result_type,
        description=inspect.getdoc(function) or "",
        **options,
    )


def deployed(settings: Settings, *, may_be_empty: bool = False) -> Catalog:
    """The job types of a deployment, each in a queue that it has. Raises `SettingsError`, also where there are none."""
    types = load_job_types(settings.jobs)
    if not may_be_empty and not list(types):
        raise SettingsError(
            "POLLABLE_JOBS is not set: there is no job to run. Name the modules that register job types, as in "
            "POLLABLE_JOBS=myapp.jobs."
        )
    check_queues_of(types, settings)
    return types


def check_queues_of(types: Iterable[JobType], settings: Settings) -> None:
    """Raises `SettingsError` for a job type whose jobs no worker would take."""
    for each in types:
        if each.queue is not None and each.queue not in settings.queues:
            raise SettingsError(
                f"Job type {each.name!r} goes to queue {each.queue!r}, which is not in POLLABLE_QUEUES "
                f"({', '.join(settings.queues)})."
            )


def check_envelopes_of(types: Iterable[JobType], known: Collection[str]) -> None:
    """Raises `SettingsError` for a job type with an envelope that there is not; one that is off may be named."""
    for each in types:
        if each.envelope not in known:
            near = difflib.get_close_matches(each.envelope, known, n=1, cutoff=0.0)
            raise SettingsError(
                f"Job type {each.name!r}: there is no envelope {each.envelope!r}; the nearest known name is "
                f"{near[0]!r}. One of your own has to be named in POLLABLE_ENVELOPES, too."
            )


def load_job_types(modules: Iterable[str]) -> Catalog:
    """Import the modules that register job types. Raises `SettingsError` where one cannot be, or none registers any."""
    names = tuple(modules)
    for module in names:
        try:
            importlib.import_module(module)
        except SettingsError:
            raise
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
            raise SettingsError(f"POLLABLE_JOBS names {module!r}, which cannot be imported: {reason}") from error
    if names and not list(registered):
        raise SettingsError(
            f"POLLABLE_JOBS names {', '.join(map(repr, names))}, which registers no job type: decorate a function "
            "with @job_type."
        )
    for module in {each.function.__module__ for each in registered}:
        codes.require_fitting(module)
    return registered


def _check(declared: JobType) -> None:
    durations = (declared.timeout_s, declared.result_ttl_s, declared.failure_ttl_s)
    if not _NAME.fullmatch(declared.name):
        raise SettingsError(f"Job type {declared.name!r}: a name is 1 to 64 letters, digits, '_', '.' or '-'.")
    if declared.submit is not None and not declared.submit.startswith("/"):
        raise SettingsError(f"Job type {declared.name!r}: the submit route must start with '/'.")
    if any(seconds is not None and (not isinstance(seconds, int) or seconds < 1) for seconds in durations):
        raise SettingsError(f"Job type {declared.name!r}: timeout and TTLs are whole seconds, at least one second.")
    if not isinstance(declared.max_attempts, int) or not 1 <= declared.max_attempts <= MAX_ATTEMPTS:
        raise SettingsError(f"Job type {declared.name!r}: max_attempts must be between 1 and {MAX_ATTEMPTS}.")
    if any(not isinstance(delay, int) or delay < 0 for delay in declared.retry_delays_s):
        raise SettingsError(f"Job type {declared.name!r}: retry delays are whole seconds and cannot be negative.")
    if declared.retry_delays_s and declared.max_attempts == 1:
        raise SettingsError(
            f"Job type {declared.name!r}: retry_delays_s are the pauses between attempts, and there is only one; "
            "set max_attempts to 2 or more."
        )
    check_schemas(declared.name, payload=declared.payload_type, result=declared.result_type)


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    # A module imported twice (as __main__ and by name, or reloaded) declares the same function again.
    return function.__module__, function.__qualname__
