"""An issuer's public keys (RFC 7517): fetched off the event loop, kept by their `kid`."""

import asyncio
import logging
from time import monotonic
from typing import Any

import msgspec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from pollable.auth.download import downloaded, without_secrets
from pollable.errors import KeysUnavailable

REFRESH_PAUSE_S = 30.0
"""Unknown `kid`s cause no more than one fetch in this time."""
FIRST_FETCH_PAUSE_S = 2.0
"""The pause while there are no keys at all and nobody can be let in."""
REFRESH_AFTER_S = 600.0
"""After this time the keys are fetched anew, so that a key that the issuer withdrew does not count for ever."""
DROP_AFTER_S = 86_400.0
"""Keys that could not be fetched anew for so long count no more: their issuer may have withdrawn them long since."""
TIMEOUT_S = 3.0
"""For all of a fetch: finding the server, connecting, TLS, each byte of the answer."""

_log = logging.getLogger(__name__)

Keys = dict[tuple[str | None, str], PyJWK]
"""By `kid` and algorithm; under None, the key of an algorithm that has only one."""


class KeySet:
    """The keys behind one URL. Those that are known keep counting while the URL cannot be fetched."""

    def __init__(self, url: str, *, algorithms: tuple[str, ...]) -> None:
        self._url = url
        self._shown_url = without_secrets(url)
        self._algorithms = algorithms
        self._keys: Keys = {}
        self._fetched_at = 0.0
        self._next_fetch_at = 0.0
        self._flight: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """The key; None where the issuer has no such key. Raises `KeysUnavailable` while no key could be fetched."""
        age_s = monotonic() - self._fetched_at
        if age_s > DROP_AFTER_S:
            self._keys = {}
        if (kid, algorithm) not in self._keys:
            await self._refresh()
        elif age_s > REFRESH_AFTER_S:
            self._take_off()
        if not self._keys:
            raise KeysUnavailable("The keys that tokens are signed with cannot be fetched.")
        return self._keys.get((kid, algorithm))

    async def _refresh(self) -> None:
        flight = self._take_off()
        if flight is not None:
            # Unlike `wait_for` this leaves the flight to those who still wait when one caller gives up.
            await asyncio.wait({flight})

    def _take_off(self) -> asyncio.Task[None] | None:
        if self._flight is None and monotonic() >= self._next_fetch_at:
            self._flight = asyncio.create_task(self._fetch())
        return self._flight

    async def _fetch(self) -> None:
        self._next_fetch_at = monotonic() + REFRESH_PAUSE_S
        try:
            async with asyncio.timeout(TIMEOUT_S):
                document = await downloaded(self._url)
                self._keys = await asyncio.to_thread(_keys_in, document, self._algorithms)
            self._fetched_at = monotonic()
        except Exception as error:
            _log.warning("the keys at %s could not be fetched: %r", self._shown_url, error)
            if not self._keys:
                self._next_fetch_at = monotonic() + FIRST_FETCH_PAUSE_S
        finally:
            self._flight = None


class _Document(msgspec.Struct):
    keys: list[Any]


def _keys_in(document: bytes, algorithms: tuple[str, ...]) -> Keys:
    """Each key on its own: what is wrong with one is no matter to the others. Raises ValueError where there is none."""
    listed = msgspec.json.decode(document, type=_Document).keys
    keys: Keys = {}
    for algorithm in algorithms:
        # Of several keys with the same `kid` the first one counts.
        usable = {jwk.get("kid"): key for jwk in reversed(listed) if (key := _usable(jwk, algorithm))}
        keys |= {(kid, algorithm): key for kid, key in usable.items()}
        if len(usable) == 1:
            keys[None, algorithm] = next(iter(usable.values()))
    if not keys:
        raise ValueError("it holds no key for the configured algorithms")
    return keys


def _usable(jwk: Any, algorithm: str) -> PyJWK | None:
    """The key for verifying with `algorithm`; None for keys of another kind or use, too weak, or that are private."""
    if not isinstance(jwk, dict) or "d" in jwk or jwk.get("alg", algorithm) != algorithm:
        return None
    # RFC 7517, sections 4.2, 4.3 and 4.5.
    uses = jwk.get("key_ops", ["verify"])
    is_for_this = jwk.get("use", "sig") == "sig" and isinstance(uses, list) and "verify" in uses
    if not is_for_this or not isinstance(jwk.get("kid"), str | None):
        return None
    try:
        key = PyJWK(jwk, algorithm)
        key.Algorithm.prepare_key(key.key)
    except PyJWTError:
        return None
    return None if key.Algorithm.check_key_length(key.key) else key
