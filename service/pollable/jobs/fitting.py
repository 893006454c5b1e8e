"""What a request about jobs must fit, wherever it comes from: each refusal in one place."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec

from pollable.catalog import JobType
from pollable.errors import InvalidJson, InvalidParameter, InvalidPayload, PayloadTooLarge, ServiceError
from pollable.jobs.changing import Submission
from pollable.model import State

T = TypeVar("T")

_ERROR = re.compile(r"(?P<reason>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(.+)`")
_PARAMETER = re.compile(r"{([a-zA-Z_]\w*)(?::\w+)?}")
_KEY = re.compile(r"[ -~]{1,255}")


def ordered(body: bytes, decode: Callable[[bytes], Submission], *, queues: Collection[str]) -> Submission:
    """The job that a body asks for by the name of its type, with a payload that fits the type.

    Raises `InvalidJson`, `InvalidPayload` and what `decode` raises.
    """
    submission = decoded(body, decode, at="$")
    if names := parameters_of(route := submission.type.submit):
        reason = f"Jobs of this type come by POST {route}, whose path says their {' and '.join(names)}."
        raise InvalidPayload(reason, extra={"path": "$.type"})
    check_payload(submission.type, submission.payload)
    if submission.queue is not None and submission.queue not in queues:
        raise InvalidPayload(f"The queue must be one of {', '.join(queues)}.", extra={"path": "$.queue"})
    return submission


def check_payload(job_type: JobType, payload: bytes) -> None:
    """Raises `InvalidJson` and `InvalidPayload`."""
    decoded(payload, job_type.decode, at="$.payload")


def parameters_of(submit: str | None) -> list[str]:
    """The parameters in the path of a type's own route, which become the context of its jobs."""
    return _PARAMETER.findall(submit or "")


def decoded(document: bytes, decode: Callable[[bytes], T], *, at: str) -> T:
    """What `decode` makes of the body, or of the part of it at the path `at`.

    Raises `InvalidJson` where anything of it is not JSON, else `InvalidPayload` where it does not fit.
    """
    try:
        return decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        # It stopped at the first that did not fit: what comes after may be no JSON at all.
        _require_json(document)
        raise _misfit(error, at) from None


def idempotency_key(key: str) -> str:
    """The key. Raises `InvalidParameter` for what RFC 9651, section 3.3.3, lets no String hold, and for a long one."""
    if not _KEY.fullmatch(key):
        raise InvalidParameter("Idempotency-Key must be a quoted string of 1 to 255 printable characters.")
    return key


def state(word: str) -> State:
    """Raises `InvalidParameter`."""
    try:
        return State(word)
    except ValueError:
        raise InvalidParameter(f"`status` must be one of {', '.join(State)}.") from None


def too_large(max_bytes: int) -> PayloadTooLarge:
    """The refusal of a body with more bytes."""
    return PayloadTooLarge(f"The body may have {max_bytes} bytes.", extra={"maxBytes": max_bytes})


def _require_json(document: bytes) -> None:
    try:
        msgspec.json.decode(document)
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    except msgspec.DecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from None


def _misfit(error: Exception, at: str) -> ServiceError:
    if isinstance(error, RecursionError):
        return InvalidJson("The body is nested too deeply.")
    reason, path = _where(str(error))
    return InvalidPayload(f"{reason} (at {at}{path}).", extra={"path": at + path})


def _where(message: str) -> tuple[str, str]:
    found = _ERROR.fullmatch(message)
    reason, path = (found["reason"], found["path"] or "") if found else (message, "")
    field = _FIELD.search(reason)
    return reason, f"{path}.{field.group(1)}" if field else path
