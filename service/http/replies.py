"""Sending an answer, with the headers that belong to it."""

import hashlib

from starlette.types import Scope, Send

from service.envelopes.answer import Answer

READ_HEADERS = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, Prefer"))
OTHER_HEADERS = ((b"cache-control", b"no-store"),)


async def send_answer(scope: Scope, send: Send, answer: Answer) -> None:
    """An answer that nobody may keep."""
    headers = [*_content(answer), *OTHER_HEADERS, *answer.headers]
    await _send(scope, send, answer.status, headers, answer.body)


async def send_read(scope: Scope, send: Send, answer: Answer, *, if_none_match: bytes | None) -> None:
    """A read, with its ETag over the exact body; 304 without a body for who has it already (RFC 9110, 13.1.2)."""
    etag = b'"%s"' % hashlib.blake2b(answer.body, digest_size=8).hexdigest().encode()
    headers = [(b"etag", etag), *READ_HEADERS, *answer.headers]
    if if_none_match is not None and (etag in if_none_match or if_none_match.strip() == b"*"):
        await _send(scope, send, 304, headers, b"")
    else:
        await _send(scope, send, answer.status, [*_content(answer), *headers], answer.body)


def _content(answer: Answer) -> list[tuple[bytes, bytes]]:
    if answer.status == 204:
        return []
    return [(b"content-type", answer.media_type), (b"content-length", b"%d" % len(answer.body))]


async def _send(scope: Scope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
