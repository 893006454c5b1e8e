"""The body of a request, read within bounds."""

import codecs

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from pollable.errors import InvalidJson
from pollable.http.fields import Headers
from pollable.jobs import fitting


async def read(receive: Receive, headers: Headers, *, max_bytes: int) -> bytes:
    """The whole body, which is UTF-8. Raises `InvalidJson`, `ClientDisconnect`, and at once `PayloadTooLarge`.

    The server drops what still arrives after the answer, and closes the connection where that is much.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise fitting.too_large(max_bytes)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max_bytes:
            raise fitting.too_large(max_bytes)
        more = message.get("more_body", False)
    return _utf8(b"".join(chunks))


def _utf8(body: bytes) -> bytes:
    # msgspec checks the grammar of what it skips, but not its encoding.
    try:
        body.decode()
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    # A byte order mark may be ignored (RFC 8259, section 8.1).
    return body.removeprefix(codecs.BOM_UTF8)
