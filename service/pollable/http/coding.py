"""Large bodies in gzip, for who takes it. Each of the two forms has a strong ETag of its own (RFC 9110, 8.8.3.3)."""

import asyncio
import re
import zlib
from concurrent.futures import ThreadPoolExecutor

Headers = tuple[tuple[bytes, bytes], ...]

LARGE_BYTES, LEVEL, FRAME = 16_384, 1, 31
"""From which size on it is done; how hard zlib tries, and its `wbits` for gzip: without a time, so always the same."""
# What does not fit the grammar counts for nothing. No part is tried twice: a head may be long.
_CODING = re.compile(rb"(?:^|,)[ \t]*+([^,; \t]++)(?:[ \t]*+;[ \t]*+q=([01](?:\.\d{0,3})?))?+[ \t]*+(?=,|$)")
# One at a time: large answers wait for each other, and leave the processors to the polls.
_packer = ThreadPoolExecutor(1, "gzip")


def takes_gzip(asked: Headers) -> bool:
    """Whether a request wants it, and no less than what is not coded (RFC 9110, section 12.5.3)."""
    said = b",".join(value for name, value in asked if name == b"accept-encoding").lower()
    liked: dict[bytes, float] = {b"*": 0.0} | {coding: float(quality or 1) for coding, quality in _CODING.findall(said)}
    return 0 < liked.get(b"gzip", liked[b"*"]) >= liked.get(b"identity", liked[b"*"])


def gzip_tag(etag: bytes) -> bytes:
    """The ETag of the same in gzip."""
    return etag[:-1] + b'-gzip"'


def tagged(headers: Headers, own: Headers = ()) -> Headers:
    """The headers with that ETag in place of theirs, if they have one, and with `own` in place of what is called so."""
    return tuple((name, gzip_tag(value) if name == b"etag" else value) for name, value in dict(headers + own).items())


async def coded(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """The same in gzip. What else there is to do goes on meanwhile."""
    body = await asyncio.get_running_loop().run_in_executor(_packer, zlib.compress, body, LEVEL, FRAME)
    return tagged(headers, ((b"content-length", b"%d" % len(body)), (b"content-encoding", b"gzip"))), body
