"""An answer: status, body and media type; the problem document of RFC 9457 is one."""

import msgspec

from pollable.errors import JobExpired, JobNotFound, ServiceError

JSON = b"application/json"
PROBLEM = b"application/problem+json"

NO_SUCH_JOB = "There is no such job."


class Answer(msgspec.Struct, frozen=True):
    """What goes back, before the headers that every answer gets. `retry_after_s` is when to ask again, if ever.

    `etag` stands for the body; None: a digest of it does.
    """

    status: int
    body: bytes
    media_type: bytes = JSON
    retry_after_s: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    etag: bytes | None = None


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, with a stable word to branch on; an error may add members of its own."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class BareProblem(msgspec.Struct, frozen=True):
    """The same without the status (which RFC 9457 lets be left out), for an API with a word of its own by that name."""

    type: str
    title: str
    detail: str
    code: str


def problem(error: ServiceError, shape: type[Problem | BareProblem] = Problem) -> Answer:
    """The problem document of an error, with the error's own members at its end."""
    known = {
        "type": f"urn:pollable:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    members = {name: known[name] for name in shape.__struct_fields__}
    return Answer(error.status, msgspec.json.encode({**members, **error.extra}), PROBLEM)


def without_expiry(error: ServiceError) -> ServiceError:
    """The error as an API shows it that does not tell an expired job from one that never was."""
    return JobNotFound(NO_SUCH_JOB) if isinstance(error, JobExpired | JobNotFound) else error
