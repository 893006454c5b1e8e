"""Sending an answer, with the headers that belong to it."""

import hashlib
from typing import TypeVar

import msgspec
from starlette.types import Scope, Send

from pollable.envelopes.answer import Answer
from pollable.errors import ServiceError
from pollable.http.coding import LARGE_BYTES, Headers, coded, gzip_tag, tagged, takes_gzip
from pollable.storage.quotas import Quota, Verdict, fields

READ_HEADERS = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, Prefer, Accept-Encoding"))
OTHER_HEADERS = ((b"cache-control", b"no-store"), (b"vary", b"Accept-Encoding"))


def with_wait(answer: Answer, wait_s: int) -> Answer:
    """The answer that was held back as its caller preferred (RFC 7240, section 3)."""
    return msgspec.structs.replace(answer, headers=(*answer.headers, (b"preference-applied", b"wait=%d" % wait_s)))


def refused(refusal: ServiceError, quota: Quota | None, verdict: Verdict | None) -> ServiceError:
    """The same of a refusal."""
    if quota is not None and verdict is not None:
        refusal.headers |= fields(quota, verdict)
    return refusal


class Reply(msgspec.Struct, frozen=True):
    """A read made ready: its headers, those of a 304 in its place, its ETag, its body."""

    status: int
    headers: Headers
    known: Headers
    etag: bytes
    body: bytes


Said = TypeVar("Said", Answer, Reply)


def ready(answer: Answer) -> Reply:
    """The reply, whose ETag is the answer's own or a digest of the body."""
    etag = answer.etag or etag_of(answer.body)
    known = ((b"etag", etag), *READ_HEADERS, *_own(answer))
    return Reply(answer.status, (*_content(answer), *known), known, etag, answer.body)


def limited(said: Said, quota: Quota | None, verdict: Verdict | None) -> Said:
    """The answer or reply with what is left of the quota that it was counted against."""
    if quota is None or verdict is None:
        return said
    told: Headers = tuple((name.lower().encode(), value.encode()) for name, value in fields(quota, verdict).items())
    known = {"known": (*said.known, *told)} if isinstance(said, Reply) else {}
    return msgspec.structs.replace(said, headers=(*said.headers, *told), **known)


async def send_answer(scope: Scope, send: Send, answer: Answer) -> None:
    """An answer that nobody may keep."""
    await _send(scope, send, answer.status, (*_content(answer), *OTHER_HEADERS, *_own(answer)), answer.body)


async def send_read(scope: Scope, send: Send, reply: Reply, *, if_none_match: bytes | None) -> None:
    """A read; 304 without a body for who has it already, in whichever coding (RFC 9110, 13.1.2)."""
    if if_none_match is not None and _names(if_none_match, reply.etag):
        # A cache finds by it what it has (RFC 9111, section 4.3.4).
        is_packed = gzip_tag(reply.etag) in if_none_match and takes_gzip(scope["headers"])
        await _send(scope, send, 304, tagged(reply.known) if is_packed else reply.known, b"")
    else:
        await _send(scope, send, reply.status, reply.headers, reply.body)


def is_known(body: bytes, if_none_match: bytes) -> bool:
    """Whether who asks has it already."""
    return _names(if_none_match, etag_of(body))


def etag_of(body: bytes) -> bytes:
    """The ETag of a body that no version stands for."""
    return b'"%s"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()


def _names(if_none_match: bytes, etag: bytes) -> bool:
    return etag in if_none_match or gzip_tag(etag) in if_none_match or if_none_match.strip() == b"*"


def _content(answer: Answer) -> Headers:
    content = (b"content-type", answer.media_type), (b"content-length", b"%d" % len(answer.body))
    return () if answer.status == 204 else content


def _own(answer: Answer) -> Headers:
    again = () if answer.retry_after_s is None else ((b"retry-after", b"%d" % answer.retry_after_s),)
    return (*answer.headers, *again)


async def _send(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    # Their length first: most are small, and nothing is looked at for them.
    if len(body) >= LARGE_BYTES and b"content-encoding" not in dict(headers) and takes_gzip(scope["headers"]):
        headers, body = await coded(headers, body)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
