"""One document of somebody else's server, asked for over HTTP/1.1: bounded in size, and in time by whoever asks."""

import asyncio
import ssl
from urllib.parse import SplitResult, urlsplit

from httptools import HttpResponseParser

from pollable import __version__

MAX_BYTES = 262_144
"""Of the whole answer, its head included."""


async def downloaded(url: str) -> bytes:
    """Raises `OSError` where there is none or it is too large, `httptools.HttpParserError` for what is no HTTP.

    Redirects are not followed, and no proxy is read from the environment.
    """
    parts = urlsplit(url)
    # It reads the certificates of the authorities from a file.
    tls = await asyncio.to_thread(ssl.create_default_context) if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or (443 if tls else 80), ssl=tls)
    try:
        writer.write(_request(parts))
        return await _body(reader)
    finally:
        # Nothing is left to be said, and a server that does not say goodbye is not waited for.
        writer.transport.abort()


def without_secrets(url: str) -> str:
    """For people and logs: neither user nor password, nor the query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{_host(parts)}{parts.path}"


class _Answer:
    """What the parser finds."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_complete = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


def _request(parts: SplitResult) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = (f"Host: {_host(parts)}", f"User-Agent: pollable/{__version__}", "Connection: close")
    return "\r\n".join([f"GET {target} HTTP/1.1", *headers, "", ""]).encode("ascii")


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


async def _body(reader: asyncio.StreamReader) -> bytes:
    answer, received = _Answer(), 0
    parser = HttpResponseParser(answer)
    # Without a length the end of the connection is the end of the body; of half a document the JSON has no end.
    while not answer.is_complete and (chunk := await reader.read(65_536)):
        received += len(chunk)
        if received > MAX_BYTES:
            raise OSError(f"it is larger than {MAX_BYTES} bytes")
        parser.feed_data(chunk)
    if parser.get_status_code() != 200:
        raise OSError(f"it answered {parser.get_status_code()}")
    return bytes(answer.body)
