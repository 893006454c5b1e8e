"""Sending an answer, with the headers that belong to it."""

import hashlib

import msgspec
from starlette.types import Scope, Send

from pollable.envelopes.answer import Answer
from pollable.errors import ServiceError
from pollable.storage.quotas import Quota, Verdict, fields

READ_HEADERS = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, Prefer"))
OTHER_HEADERS = ((b"cache-control", b"no-store"),)


def with_wait(answer: Answer, wait_s: int) -> Answer:
    """The answer that was held back as its caller preferred (RFC 7240, section 3)."""
    return msgspec.structs.replace(answer, headers=(*answer.headers, (b"preference-applied", b"wait=%d" % wait_s)))


def limited(answer: Answer, quota: Quota | None, verdict: Verdict | None) -> Answer:
    """The answer with what is left of the quota that it was counted against."""
    if quota is None or verdict is None:
        return answer
    told = tuple((name.lower().encode(), value.encode()) for name, value in fields(quota, verdict).items())
    return msgspec.structs.replace(answer, headers=(*answer.headers, *told))


def refused(refusal: ServiceError, quota: Quota | None, verdict: Verdict | None) -> ServiceError:
    """The same of a refusal."""
    if quota is not None and verdict is not None:
        refusal.headers |= fields(quota, verdict)
    return refusal


async def send_answer(scope: Scope, send: Send, answer: Answer) -> None:
    """An answer that nobody may keep."""
    headers = [*_content(answer), *OTHER_HEADERS, *_own(answer)]
    await _send(scope, send, answer.status, headers, answer.body)


async def send_read(scope: Scope, send: Send, answer: Answer, *, if_none_match: bytes | None) -> None:
    """A read, with its ETag over the exact body; 304 without a body for who has it already (RFC 9110, 13.1.2)."""
    etag = etag_of(answer.body)
    headers = [(b"etag", etag), *READ_HEADERS, *_own(answer)]
    if if_none_match is not None and is_known(answer.body, if_none_match):
        await _send(scope, send, 304, headers, b"")
    else:
        await _send(scope, send, answer.status, [*_content(answer), *headers], answer.body)


def is_known(body: bytes, if_none_match: bytes) -> bool:
    """Whether who asks has it already."""
    return etag_of(body) in if_none_match or if_none_match.strip() == b"*"


def etag_of(body: bytes) -> bytes:
    """The ETag of a read."""
    return b'"%s"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()


def _content(answer: Answer) -> list[tuple[bytes, bytes]]:
    if answer.status == 204:
        return []
    return [(b"content-type", answer.media_type), (b"content-length", b"%d" % len(answer.body))]


def _own(answer: Answer) -> tuple[tuple[bytes, bytes], ...]:
    if answer.retry_after_s is None:
        return answer.headers
    return (*answer.headers, (b"retry-after", b"%d" % answer.retry_after_s))


async def _send(scope: Scope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
