"""What the attacks are tried on that must succeed somewhere: applications as they are often written by hand."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any


def believed(token: str | bytes) -> str | None:
    """The subject that an application sees which decodes a token and verifies nothing; None where it can see none."""
    text = token.decode("latin-1") if isinstance(token, bytes) else token
    try:
        # Whatever is around it, and whichever part looks like claims.
        parts = text.replace("\n", "").split()[-1].strip('"').split(".")
        claims = json.loads(_decoded(parts[1]))
        return str(claims["sub"]) if claims["sub"] else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def obeyed(token: str) -> str | None:
    """The subject that an application sees that lets the token say how it is verified, and with which key."""
    head, payload, signature = token.split(".")
    header: dict[str, Any] = json.loads(_decoded(head))
    if header["alg"].lower() != "none":
        key = _decoded(header["jwk"]["k"]) if "jwk" in header else Path(str(header["kid"])).read_bytes()
        made = hmac.new(key, f"{head}.{payload}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(made, _decoded(signature)):
            return None
    return str(json.loads(_decoded(payload))["sub"])


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
