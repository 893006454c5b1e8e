"""An answer: status, body and media type; the problem document of RFC 9457 is one."""

import msgspec

from service.errors import JobExpired, JobNotFound, ServiceError

JSON = b"application/json"
PROBLEM = b"application/problem+json"

NO_SUCH_JOB = "There is no such job."


class Answer(msgspec.Struct, frozen=True):
    """What goes back, before the headers that every answer gets."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, with a stable word to branch on; an error may add members of its own."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def problem(error: ServiceError) -> Answer:
    """The problem document of an error, with the error's own members at its end."""
    document = Problem(f"urn:pollable:problem:{error.code}", error.title, error.status, error.detail, error.code)
    return Answer(error.status, msgspec.json.encode({**msgspec.structs.asdict(document), **error.extra}), PROBLEM)


def without_expiry(error: ServiceError) -> ServiceError:
    """The error as an API shows it that does not tell an expired job from one that never was."""
    return JobNotFound(NO_SUCH_JOB) if isinstance(error, JobExpired | JobNotFound) else error
