"""An issuer's keys as they go over the wire, and whoever fetches them."""

import asyncio
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pollable.auth.key_set import KeySet
from pollable.errors import KeysUnavailable
from tests.auth.minting import ec_key, jwk, rsa_key
from tests.auth.rawserver import Behaviour

Body = Callable[[], Coroutine[Any, Any, None]]
Run = Callable[[Body], None]
"""Runs a coroutine function to its end."""

DOCUMENT = json.dumps({"keys": [jwk(rsa_key("first"), "first")]}).encode()
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(DOCUMENT) + DOCUMENT
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def keys_at(url: str) -> KeySet:
    return KeySet(url, algorithms=("RS256",))


async def recovers(keys: KeySet) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            assert await keys.find("first", "RS256") is not None
            return
        except KeysUnavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("no key was fetched any more")


def in_tls(certificate: Path, behave: Behaviour) -> Behaviour:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def secured(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as inside:
            behave(inside)

    return secured


def certificate_of(host: str, directory: Path) -> Path:
    """A certificate of a name or address, signed by itself, with its key."""
    key, name, now = ec_key("certificate"), x509.Name([]), datetime.now(UTC)
    subject: x509.GeneralName = x509.DNSName(host)
    with suppress(ValueError):
        subject = x509.IPAddress(ipaddress.ip_address(host))
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.add_extension(x509.SubjectAlternativeName([subject]), critical=True)
    signed = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path = directory / "issuer.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return path
