"""Files that every caller may have and keep: what is loaded before there is a token."""

import gzip
from importlib.resources import files

import msgspec
from starlette.types import Receive, Scope, Send

from pollable.http.coding import tagged, takes_gzip
from pollable.http.middleware import POLICY
from pollable.http.replies import Reply, etag_of, send_read
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


def pages_of(settings: Settings) -> dict[str, bytes]:
    """The paths of a deployment, with their media types."""
    return CLIENT | REFERENCE | PAGE if settings.page else CLIENT | REFERENCE


class Page:
    """`GET` of a file; in gzip for who takes it, however small: each is packed once, and as well as can be."""

    def __init__(self, path: str) -> None:
        body = files("pollable").joinpath("web", _FILES.get(path, path.lstrip("/"))).read_bytes()
        self._is_ours = path not in CLIENT
        kept = _ASKED_FOR if self._is_ours else _KEPT
        self._plain = _reply(body, (CLIENT | REFERENCE | PAGE)[path], kept)
        packed = gzip.compress(body, mtime=0)
        coded = ((b"content-length", b"%d" % len(packed)), (b"content-encoding", b"gzip"))
        headers = tagged(self._plain.headers, coded)
        self._packed = msgspec.structs.replace(self._plain, headers=headers, body=packed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        if self._is_ours:
            scope[POLICY] = OWN_POLICY
        reply = self._packed if takes_gzip(scope["headers"]) else self._plain
        await send_read(scope, send, reply, if_none_match=dict(scope["headers"]).get(b"if-none-match"))


def _reply(body: bytes, media_type: bytes, kept: bytes) -> Reply:
    etag = etag_of(body)
    known = ((b"etag", etag), (b"cache-control", kept), (b"vary", b"Accept-Encoding"))
    content = ((b"content-type", media_type), (b"content-length", b"%d" % len(body)))
    return Reply(200, (*content, *known), known, etag, body)
