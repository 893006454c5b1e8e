"""Files that every caller may have and keep: what is loaded before there is a token."""

import gzip
import hashlib
from importlib.resources import files

import msgspec
from starlette.types import Receive, Scope, Send

PAGES = {"/client.js": b"text/javascript; charset=utf-8", "/client.d.ts": b"text/plain; charset=utf-8"}
"""Paths, each of which is a file of `web`, and their media types (RFC 9239)."""

_KEPT_S = 3600
_NO_GZIP = (b"gzip;q=0", b"gzip;q=0.0")


class Variant(msgspec.Struct, frozen=True):
    """A file's bytes in one encoding, with a strong ETag over exactly these."""

    body: bytes
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Page:
    """`GET` of a file, packed for who takes gzip."""

    def __init__(self, path: str) -> None:
        body = files("pollable").joinpath("web", path.lstrip("/")).read_bytes()
        self._plain = _variant(body, PAGES[path])
        self._packed = _variant(gzip.compress(body, mtime=0), PAGES[path], (b"content-encoding", b"gzip"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        given = dict(scope["headers"])
        variant = self._packed if _takes_gzip(given.get(b"accept-encoding", b"")) else self._plain
        known = given.get(b"if-none-match", b"")
        is_known = variant.etag in known or known.strip() == b"*"
        status, body = (304, b"") if is_known else (200, variant.body)
        await send({"type": "http.response.start", "status": status, "headers": _told(variant, is_known=is_known)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _variant(body: bytes, media_type: bytes, *encoding: tuple[bytes, bytes]) -> Variant:
    etag = b'"%s"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()
    length = (b"content-length", b"%d" % len(body))
    return Variant(body, etag, ((b"content-type", media_type), length, *encoding))


def _told(variant: Variant, *, is_known: bool) -> list[tuple[bytes, bytes]]:
    kept = (b"cache-control", b"public, max-age=%d" % _KEPT_S)
    always = [(b"etag", variant.etag), kept, (b"vary", b"Accept-Encoding")]
    return always if is_known else [*variant.headers, *always]


def _takes_gzip(accepted: bytes) -> bool:
    encodings = [each.strip().replace(b" ", b"").lower() for each in accepted.split(b",")]
    return any(each.partition(b";")[0] == b"gzip" and each not in _NO_GZIP for each in encodings)
