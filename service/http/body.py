"""The body of a request: read within bounds, proven to be JSON, fitted to a schema."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from service.errors import InvalidJson, InvalidPayload, PayloadTooLarge
from service.http.fields import Headers

_ERROR = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(.+)`")


async def read(receive: Receive, headers: Headers, *, max_bytes: int) -> bytes:
    """The whole body. Raises `PayloadTooLarge` as soon as it is known to be, and `ClientDisconnect`.

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
    return b"".join(chunks)


def require_valid(body: bytes) -> None:
    """Raises `InvalidJson` unless all of it is JSON in UTF-8, also what no schema looks at."""
    try:
        msgspec.json.decode(body)
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    except msgspec.DecodeError as error:
        raise InvalidJson(f"The body is not JSON: {error}.") from None


@contextmanager
def fitting(at: str) -> Iterator[None]:
    """Raises `InvalidPayload` for what does not fit, with the path under `at`, where the decoded part stands."""
    try:
        yield
    except msgspec.ValidationError as error:
        reason, path = _where(str(error))
        path = at + path
        raise InvalidPayload(f"{reason} (at {path}).", extra={"path": path}) from None
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None


def _where(message: str) -> tuple[str, str]:
    found = _ERROR.fullmatch(message)
    reason, path = (found["reason"], found["path"] or "") if found else (message, "")
    field = _FIELD.search(reason)
    return reason, f"{path}.{field.group(1)}" if field else path


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body may have {max_bytes} bytes.", extra={"maxBytes": max_bytes})
