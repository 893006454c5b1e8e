"""A rediss:// with a self-signed certificate, as Heroku's Redis has: refused, unless a setting says otherwise."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.system.running import free_port, is_ready, listens, running, until

WEB = [sys.executable, "-m", "pollable", "serve"]
WORKER = [sys.executable, "worker.py"]


@pytest.fixture
def rediss_url(redis_program: Path, tmp_path: Path) -> Iterator[str]:
    """A Redis that speaks TLS alone."""
    certificate, key = self_signed(tmp_path)
    port = free_port()
    options = ["--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
    log = tmp_path / "redis.log"
    with log.open("wb") as output, subprocess.Popen([redis_program, *options, *files], stdout=output) as server:
        until(lambda: server.poll() is not None or "Ready to accept connections" in log.read_text())
        if server.poll() is not None:
            pytest.skip(f"{redis_program} was built without TLS")
        yield f"rediss://127.0.0.1:{port}/0"
        server.terminate()


def self_signed(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis.example")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
    certificate, secret = directory / "certificate.pem", directory / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret


def test_a_self_signed_certificate_is_refused(rediss_url: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"REDIS_URL": rediss_url, "PORT": str(port), "POLLABLE_HOST": "127.0.0.1"}
    settings["POLLABLE_JOBS"] = "pollable.examples.assessment"
    with running(WEB, url=f"http://127.0.0.1:{port}", log=tmp_path / "web.log", settings=settings) as web:
        until(lambda: listens(web))
        answer = web.http.post("/jobs", json={"type": "generate_assessment", "payload": {"text": "Ice is a solid."}})
    assert answer.status_code == 503
    assert answer.json()["code"] == "store_unavailable"
    assert int(answer.headers["retry-after"]) > 0


def test_a_self_signed_certificate_is_accepted_where_the_setting_says_so(rediss_url: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"REDIS_URL": rediss_url, "PORT": str(port), "POLLABLE_HOST": "127.0.0.1"}
    settings |= {"POLLABLE_JOBS": "tests.system.patient", "POLLABLE_REDIS_TLS_VERIFY": "false"}
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        web = stack.enter_context(running(WEB, url=url, log=tmp_path / "web.log", settings=settings))
        stack.enter_context(running(WORKER, url=url, log=tmp_path / "worker.log", settings=settings))
        until(lambda: is_ready(web))
        job_id = web.http.post("/jobs", json={"type": "nap", "payload": 0.0}).json()["id"]
        until(lambda: web.job_status(job_id)["status"] == "finished")
