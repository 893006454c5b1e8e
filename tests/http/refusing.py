"""A call that is refused, and requests whose bytes are as given."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.contracts.published import check
from tests.http.calling import Deployment

PLAIN = ("/job_status", "/generate_assessment")
"""Where a problem has no status of its own: the word is the page's."""


def refused(deployment: Deployment, call: Callable[[], httpx.Response], status: int, code: str) -> dict[str, Any]:
    """The problem document of a call that is refused and changes nothing."""
    before = deployment.dump()
    answer = call()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    is_plain = answer.request.url.path in PLAIN
    document: dict[str, Any] = check("plain-problem" if is_plain else "problem", answer.content)
    assert (document.get("status", status), document["code"]) == (status, code)
    assert deployment.dump() == before
    return document


def post_raw(deployment: Deployment, body: bytes, *, path: str = "/jobs", **headers: str) -> httpx.Response:
    named = {"content-type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    return deployment.request("POST", path, content=body, headers=named)


def ordered(payload: str, *, name: str = "anything") -> bytes:
    return b'{"type":"%s","payload":%s}' % (name.encode(), payload.encode(errors="surrogatepass"))
