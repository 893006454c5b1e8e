"""From what a job function returned to the bytes that callers read."""

import inspect
import json
from collections.abc import Set
from typing import Any

import msgspec

from pollable.worker.progress import MESSAGE_LENGTH


class ResultRefused(Exception):
    """The function's result cannot be an answer. `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message[:MESSAGE_LENGTH])
        self.code = code


def encode(result: Any, *, most_bytes: int, result_type: Any = Any) -> bytes:
    """A result as JSON bytes (RFC 8259).

    Raises `ResultRefused` for what is no JSON or too deep (`result_unserializable`), for what is not of `result_type`,
    the function's own annotation (`result_invalid`), and for what is too large (`result_too_large`).
    """
    try:
        encoded = _json(result).encode()
        # As deep as the reader of the answer can follow, too.
        msgspec.json.decode(encoded, type=result_type)
    except msgspec.ValidationError as error:
        message = f"The result is not what its function's annotation promises: {error}"
        raise ResultRefused("result_invalid", message) from error
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultRefused("result_unserializable", f"The result is not JSON: {reason}") from error
    if len(encoded) > most_bytes:
        message = f"The result has {len(encoded)} bytes; {most_bytes} are allowed."
        raise ResultRefused("result_too_large", message)
    return encoded


def _json(result: Any) -> str:
    try:
        return _dumps(result)
    except TypeError:
        # The standard library knows no hook for keys that are no text; few results have any.
        return _dumps(_with_plain_keys(result))


def _dumps(value: Any) -> str:
    return json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Set | bytes | bytearray | memoryview):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    if inspect.iscoroutine(value):
        # Python would warn that nobody awaits it.
        value.close()
        raise TypeError("a coroutine was returned by a function that is not declared with `async def`")
    return msgspec.to_builtins(value)


def _with_plain_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _with_plain_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_plain_keys(item) for item in value]
    return value


def _key(key: Any) -> Any:
    if key is None or isinstance(key, str | int | float):
        return key
    # As msgspec writes a UUID, a date or an Enum; it raises TypeError for what can be no key.
    return next(iter(msgspec.to_builtins({key: None}, str_keys=True)))
