"""Files that every caller may have and keep: what is loaded before there is a token."""

import gzip
import hashlib
from importlib.resources import files

import msgspec
from starlette.types import Receive, Scope, Send

from pollable.http.middleware import POLICY
from pollable.settings import Settings

_SCRIPT = b"text/javascript; charset=utf-8"
CLIENT = {"/client.js": _SCRIPT, "/client.d.ts": b"text/plain; charset=utf-8"}
"""Paths, each of which is a file of `web`, and their media types (RFC 9239): what front ends of others load."""

_HTML = b"text/html; charset=utf-8"
_SHARED = {
    "/page/style.css": b"text/css; charset=utf-8",
    "/page/icon.svg": b"image/svg+xml",
    **{f"/page/{name}.js": _SCRIPT for name in ("reference", "service", "words")},
}
REFERENCE = {"/docs": _HTML} | _SHARED
"""The page that shows `/openapi.json`, which it can read with a token of the reader's alone."""
_OF_THE_PAGE = ("app", "detail", "form", "list", "live", "queues", "tree")
PAGE = {"/": _HTML, **{f"/page/{name}.js": _SCRIPT for name in _OF_THE_PAGE}}
"""The page to submit and watch jobs, which `POLLABLE_PAGE` turns off."""
_FILES = {"/": "index.html", "/docs": "docs.html"}

_KEPT = b"public, max-age=3600"
# One of our own release loads the others: none may be older than the rest.
_ASKED_FOR = b"no-cache"
OWN_POLICY = b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of the page: nothing but what is served here, and nothing inline."""
_NO_GZIP = (b"gzip;q=0", b"gzip;q=0.0")


def pages_of(settings: Settings) -> dict[str, bytes]:
    """The paths of a deployment, with their media types."""
    return CLIENT | REFERENCE | PAGE if settings.page else CLIENT | REFERENCE


class Variant(msgspec.Struct, frozen=True):
    """A file's bytes in one encoding, with a strong ETag over exactly these."""

    body: bytes
    etag: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Page:
    """`GET` of a file, packed for who takes gzip."""

    def __init__(self, path: str) -> None:
        body = files("pollable").joinpath("web", _FILES.get(path, path.lstrip("/"))).read_bytes()
        media_type = (CLIENT | REFERENCE | PAGE)[path]
        self._is_ours = path not in CLIENT
        self._kept = _ASKED_FOR if self._is_ours else _KEPT
        self._plain = _variant(body, media_type)
        self._packed = _variant(gzip.compress(body, mtime=0), media_type, (b"content-encoding", b"gzip"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        given = dict(scope["headers"])
        if self._is_ours:
            scope[POLICY] = OWN_POLICY
        variant = self._packed if _takes_gzip(given.get(b"accept-encoding", b"")) else self._plain
        known = given.get(b"if-none-match", b"")
        is_known = variant.etag in known or known.strip() == b"*"
        status, body = (304, b"") if is_known else (200, variant.body)
        await send({"type": "http.response.start", "status": status, "headers": self._told(variant, is_known=is_known)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _told(self, variant: Variant, *, is_known: bool) -> list[tuple[bytes, bytes]]:
        always = [(b"etag", variant.etag), (b"cache-control", self._kept), (b"vary", b"Accept-Encoding")]
        return always if is_known else [*variant.headers, *always]


def _variant(body: bytes, media_type: bytes, *encoding: tuple[bytes, bytes]) -> Variant:
    etag = b'"%s"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()
    length = (b"content-length", b"%d" % len(body))
    return Variant(body, etag, ((b"content-type", media_type), length, *encoding))


def _takes_gzip(accepted: bytes) -> bool:
    encodings = [each.strip().replace(b" ", b"").lower() for each in accepted.split(b",")]
    return any(each.partition(b";")[0] == b"gzip" and each not in _NO_GZIP for each in encodings)
