"""What an answer means: what was asked for, or why not."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec

from pollable.client.errors import ClientError, JobCancelled, JobExpired, JobFailed, Redirected, Refused, Unreachable
from pollable.client.snapshot import Snapshot
from pollable.client.steps import Answer, Reply

T = TypeVar("T")


def answered(reply: Reply) -> Answer:
    """The answer, if it is a good one. Raises `Refused`, `JobExpired`, `Redirected`, `Unreachable`."""
    if not isinstance(reply, Answer):
        raise reply if isinstance(reply, ClientError) else TypeError(f"{reply!r} answers no request")
    if 300 <= reply.status < 400:
        raise Redirected(reply.url, reply.status, location=reply.headers.get("location"))
    if not 200 <= reply.status < 300:
        raise _refusal(reply)
    return reply


def content(answer: Answer, *, of: type[T]) -> T:
    """What the body of a good answer says. Raises `Unreachable` where it is not Pollable's."""
    try:
        return msgspec.json.decode(answer.body, type=of)
    except msgspec.DecodeError as error:
        raise Unreachable(f"{answer.url} answers {answer.status}, but not as Pollable does: {error}") from None


def outcome(job: Snapshot, *, of: type[T]) -> T:
    """The result of a job that has ended.

    Raises `JobFailed`, `JobCancelled`, and `msgspec.ValidationError` for a result that is no such thing.
    """
    # A result of other code that cannot be read is no success.
    if job.error is not None:
        raise JobFailed(job, code=job.error.code, message=job.error.message)
    if job.state != "succeeded":
        raise JobCancelled(job)
    return msgspec.json.decode(job.result, type=of)


def _refusal(answer: Answer) -> Refused:
    problem = _problem(answer.body)
    told = problem.get("detail") or problem.get("title")
    kind = JobExpired if answer.status == 410 else Refused
    detail = told if isinstance(told, str) else f"{answer.url} answers {_reason(answer.status)}."
    return kind(answer.status, detail, problem=problem, headers=answer.headers)


def _problem(body: bytes) -> Mapping[str, Any]:
    # A proxy's page is none.
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _reason(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
