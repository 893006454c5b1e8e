"""An issuer's public keys (RFC 7517): fetched off the event loop, kept by their `kid`."""

import asyncio
import logging
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from service.errors import KeysUnavailable

REFRESH_PAUSE_S = 30.0
"""Unknown `kid`s cause no more than one fetch in this time."""
FIRST_FETCH_PAUSE_S = 2.0
"""The pause while there are no keys at all and nobody can be let in."""
REFRESH_AFTER_S = 600.0
"""After this time the keys are fetched anew, so that a key that the issuer withdrew does not count for ever."""
TIMEOUT_S = 3.0
MAX_BYTES = 262_144

_log = logging.getLogger(__name__)

Keys = dict[tuple[str | None, str], PyJWK]
"""By `kid` and algorithm; under None, the key of an algorithm that has only one."""


class KeySet:
    """The keys behind one URL. Those that are known keep counting while the URL cannot be fetched."""

    def __init__(self, url: str, *, algorithms: tuple[str, ...]) -> None:
        self._url = url
        self._algorithms = algorithms
        self._keys: Keys = {}
        self._fetched_at = 0.0
        self._next_fetch_at = 0.0
        self._flight: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key; None where the issuer has no such key. Raises `KeysUnavailable` while no key could be fetched."""
        if (kid, algorithm) not in self._keys:
            await self._refresh()
        elif monotonic() - self._fetched_at > REFRESH_AFTER_S:
            self._take_off()
        if not self._keys:
            raise KeysUnavailable(
                "The keys that tokens are signed with cannot be fetched.", headers={"Retry-After": "2"}
            )
        return self._keys.get((kid, algorithm))

    async def _refresh(self) -> None:
        flight = self._take_off()
        if flight is not None:
            # Unlike `wait_for` this leaves the flight to those who still wait when one caller gives up.
            await asyncio.wait({flight}, timeout=TIMEOUT_S)

    def _take_off(self) -> asyncio.Task[None] | None:
        if self._flight is None and monotonic() >= self._next_fetch_at:
            self._flight = asyncio.create_task(self._fetch())
        return self._flight

    async def _fetch(self) -> None:
        self._next_fetch_at = monotonic() + REFRESH_PAUSE_S
        try:
            self._keys = await asyncio.to_thread(_fetched, self._url, self._algorithms)
            self._fetched_at = monotonic()
        except (OSError, HTTPException, ValueError, RecursionError, msgspec.MsgspecError) as error:
            _log.warning("the keys at %s could not be fetched: %r", self._url, error)
            if not self._keys:
                self._next_fetch_at = monotonic() + FIRST_FETCH_PAUSE_S
        finally:
            self._flight = None


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


def _fetched(url: str, algorithms: tuple[str, ...]) -> Keys:
    document = msgspec.json.decode(_downloaded(url), type=_Document)
    keys: Keys = {}
    for algorithm in algorithms:
        usable = [(jwk.get("kid"), key) for jwk in document.keys if (key := _usable(jwk, algorithm))]
        keys |= {(kid, algorithm): key for kid, key in usable}
        if len(usable) == 1:
            keys[None, algorithm] = usable[0][1]
    if not keys:
        raise ValueError("it holds no key for the configured algorithms")
    return keys


def _downloaded(url: str) -> bytes:
    # `http.client` follows no redirects and reads no proxy from the environment.
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/")
        response = connection.getresponse()
        if response.status != 200:
            raise HTTPException(f"it answered {response.status}")
        return _body(response)
    finally:
        connection.close()


def _body(response: HTTPResponse) -> bytes:
    body, deadline = b"", monotonic() + TIMEOUT_S
    while chunk := response.read1(65_536):
        body += chunk
        if len(body) > MAX_BYTES or monotonic() > deadline:
            raise HTTPException(f"it is larger than {MAX_BYTES} bytes, or slower than {TIMEOUT_S} s")
    return body


def _usable(jwk: dict[str, Any], algorithm: str) -> PyJWK | None:
    """The key for verifying with `algorithm`; None for keys of another kind, too weak, or that are private."""
    if "d" in jwk or jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        key = PyJWK(jwk, algorithm)
        key.Algorithm.prepare_key(key.key)
    except PyJWTError:
        return None
    return None if key.Algorithm.check_key_length(key.key) else key
