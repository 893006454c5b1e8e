"""What a request's head may not be, and the answer of a connection that ends with it."""

from pollable.envelopes.answer import problem
from pollable.errors import ServiceError


class Refusal(ServiceError):
    """What the connection itself answers, the last on it."""

    def __init__(self, status: int, title: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title, self.code = status, title, code


def malformed(detail: str = "This is no HTTP/1.1 request.") -> Refusal:
    """The 400."""
    return Refusal(400, "Bad Request", "malformed_request", detail)


def late(code: str, detail: str) -> Refusal:
    """The 408."""
    return Refusal(408, "Request Timeout", code, detail)


def too_large(size: int) -> Refusal:
    """The 431."""
    detail = f"The head of a request, or what surrounds its body, may have {size} bytes."
    return Refusal(431, "Request Header Fields Too Large", "head_too_large", detail)


def encoded(refusal: Refusal) -> bytes:
    """The response, a problem document."""
    body = problem(refusal).body
    head = f"HTTP/1.1 {refusal.status} {refusal.title}\r\ncontent-type: application/problem+json\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


def fault_of(headers: list[tuple[bytes, bytes]], *, version: str, upgrades: bool) -> str | None:
    """What two servers might read in two ways, or None. The parser, which has seen it, refuses much more."""
    fields = dict(headers)
    names = [name for name, _ in headers] if len(fields) < len(headers) else []
    # RFC 9112, section 3.2.
    if names.count(b"host") > 1 or (b"host" not in fields and version == "1.1"):
        return "A request has exactly one Host header."
    if names.count(b"authorization") > 1:
        return "A request has one Authorization header at most."
    if len(fields.get(b"content-length", b"").strip()) > 18:
        return "The Content-Length is too long for a number of bytes."
    if fields.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
        return "The only Transfer-Encoding is chunked."
    # llhttp would take the body for the next request.
    if upgrades and (b"content-length" in fields or b"transfer-encoding" in fields):
        return "A request with a body cannot ask for another protocol: send it without Upgrade, as HTTP/1.1."
    return None if version in ("1.0", "1.1") else "The versions are HTTP/1.1 and HTTP/1.0."
