"""The body of a request: read within bounds, decoded once."""

import codecs
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from pollable.errors import InvalidJson, InvalidPayload, PayloadTooLarge, ServiceError
from pollable.http.fields import Headers

T = TypeVar("T")

_ERROR = re.compile(r"(?P<reason>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(.+)`")


async def read(receive: Receive, headers: Headers, *, max_bytes: int) -> bytes:
    """The whole body, which is UTF-8. Raises `InvalidJson`, `ClientDisconnect`, and at once `PayloadTooLarge`.

    The server discards what still arrives after the answer, so the connection can be used again.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max_bytes:
            raise _too_large(max_bytes)
        more = message.get("more_body", False)
    return _utf8(b"".join(chunks))


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


def _utf8(body: bytes) -> bytes:
    # msgspec checks the grammar of what it skips, but not its encoding.
    try:
        body.decode()
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    # A byte order mark may be ignored (RFC 8259, section 8.1).
    return body.removeprefix(codecs.BOM_UTF8)


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


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body may have {max_bytes} bytes.", extra={"maxBytes": max_bytes})
