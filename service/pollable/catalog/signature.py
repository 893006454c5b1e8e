"""What a job's function must look like: one argument, its annotation, the result's."""

import inspect
from collections.abc import Callable
from collections.abc import Set as AnySet
from typing import Any, get_origin, get_type_hints

import msgspec

from pollable.errors import SettingsError

SCHEMAS = (
    "Builtins, typing's containers, dataclasses, TypedDict, NamedTuple, Enum, datetime, UUID, Decimal and "
    "msgspec.Struct can be one; msgspec.Struct is the one to use"
)


def annotations(function: Callable[..., Any], name: str) -> tuple[Any, Any]:
    """Those of the payload and of the result. Raises `SettingsError` for a function that cannot be a job's."""
    problem = _unfit(function) or _unfit_parameters(function)
    if problem:
        raise SettingsError(f"Job type {name!r}: {problem}.")
    hints = _hints(function, name)
    (parameter,) = inspect.signature(function).parameters
    for key, what, purpose in (
        (parameter, f"its argument {parameter!r}", "validates the payload"),
        ("return", "its result", "is its published schema"),
    ):
        if key not in hints:
            raise SettingsError(
                f"Job type {name!r}: {what} has no annotation, which {purpose}; annotate it, with Any for everything."
            )
    return hints[parameter], hints["return"]


def check_schemas(name: str, *, payload: Any, result: Any) -> None:
    """Raises `SettingsError` for an annotation that cannot be a JSON Schema, however deep inside."""
    _check_annotation(name, "payload", payload)
    _check_annotation(name, "result", result)
    if _is_no_json(result):
        raise SettingsError(f"Job type {name!r}: a set or bytes cannot be a result; return a list or a str.")


def _unfit(function: object) -> str | None:
    """What keeps it from being a job's function, whatever its arguments are."""
    if isinstance(function, type):
        return "it is a class; declare a function"
    if not inspect.isfunction(function):
        return f"it must be a function, not {type(function).__name__} (above @staticmethod and the like there is none)"
    if function.__name__ == "<lambda>":
        return "it is a lambda, which cannot be annotated; declare a function with def"
    if "." in function.__qualname__.rpartition("<locals>.")[2]:
        return f"{function.__qualname__} is a method; declare a function outside of the class"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "it yields; a job returns its result, and tells how far it is with report_progress"
    return None


def _unfit_parameters(function: Callable[..., Any]) -> str | None:
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 1:
        return f"the function must take exactly one argument, the payload, not {len(parameters)}"
    (only,) = parameters
    if only.kind in (only.VAR_POSITIONAL, only.VAR_KEYWORD):
        return f"the function must take exactly one argument, the payload, and {str(only)!r} is any number of them"
    if only.kind is only.KEYWORD_ONLY:
        return f"the payload is given by position, and {only.name!r} is keyword-only; remove the '*' before it"
    if only.default is not only.empty:
        return f"the default of {only.name!r} would never be used, as every job has a payload; remove it"
    return None


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise SettingsError(f"Job type {name!r}: an annotation cannot be read: {_unread(error)}.") from None


def _unread(error: Exception) -> str:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, NameError):
        reason += "; import it outside of TYPE_CHECKING, and define it at the top level of the module"
    return reason


def _check_annotation(name: str, what: str, annotation: Any) -> None:
    def refuse(found: type) -> dict[str, Any]:
        raise SettingsError(
            f"Job type {name!r}: {found.__module__}.{found.__qualname__} in the annotation of its {what} "
            f"cannot be a JSON Schema. {SCHEMAS}."
        )

    try:
        msgspec.json.schema_components((annotation,), schema_hook=refuse)
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(
            f"Job type {name!r}: the annotation of its {what} cannot be a JSON Schema: {_unread(error)}. {SCHEMAS}."
        ) from None


def _is_no_json(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, AnySet | bytes | bytearray | memoryview)
