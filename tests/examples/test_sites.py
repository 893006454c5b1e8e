import itertools
import socket
import ssl
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pollable import JobError
from pollable.examples.sites import FetchError, Site, address
from tests.examples.loopback import Answer, page, serving

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def code_of(url: str) -> str:
    with pytest.raises(JobError) as raised:
        Site(url)
    return raised.value.code


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `localhost`, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
    signed = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (tmp_path / "site.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return tmp_path / "site.pem"


def fetched(answer: Answer, *, within_s: float = 5.0, limit: int = 1_000) -> Any:
    with serving({"/": answer}) as loopback:
        return Site(loopback.origin).get("/", limit=limit, within_s=within_s)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a#b", "http://example.org/a"),
        ("https://example.org:443", "https://example.org/"),
        ("http://example.org:8080/?b=2&a=1", "http://example.org:8080/?b=2&a=1"),
        ("/c", "http://example.org/c"),
        ("../../c", "http://example.org/c"),
        ("//other.example/x", "http://other.example/x"),
        ("?page=2", "http://example.org/a/b?page=2"),
        ("http://example.org/x/../private/.", "http://example.org/private/"),
        ("http://example.org/x/%2e%2e/%70rivate", "http://example.org/private"),
        ("http://example.org//x", "http://example.org//x"),
        ("/caf\u00e9 bar", "http://example.org/caf%C3%A9%20bar"),
        ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
        ("/a\r\nHost: other", "http://example.org/aHost:%20other"),
    ],
)
def test_an_address_has_one_spelling(written: str, normal: str) -> None:
    assert address(written, base="http://example.org/a/b") == normal


@pytest.mark.parametrize(
    "written",
    [
        "mailto:ann@example.org",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.org/",
        "http://user:password@example.org/",
        "http://good.example\\@evil.example/",
        "http://example.org:port/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://a..b/",
        "http://exa mple/",
        "http://example.org/" + "a" * 1_000,
    ],
)
def test_what_is_no_address_of_a_page_is_none(written: str) -> None:
    assert address(written, base="http://example.org/") is None


@given(st.text(), st.text())
def test_any_text_is_an_address_or_none_and_stays_what_it_is(written: str, base: str) -> None:
    found = address(written, base="http://example.org/")
    assert found is None or address(found) == found
    address(written, base=base)


@pytest.mark.parametrize(
    "host",
    [
        *[
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",
            "localhost",
            "10.0.0.1",
            "192.168.1.1",
        ],
        *["172.16.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fd00::1]"],
        *["[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"],
        *["[2002:7f00:1::]", "[2001:0:7f00:1::]", "[ff02::1]"],
    ],
)
def test_a_host_that_is_not_public_is_refused(host: str) -> None:
    assert code_of(f"http://{host}:6379/") == "address_refused"


@pytest.mark.parametrize("url", ["", "example.org", "file:///etc/passwd", "http://a:b@example.org/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    assert code_of(url) == "address_invalid"


def looks_up(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """A name server that answers this, one answer after the other."""
    turn = itertools.cycle(answers)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found = [host] if host[0].isdigit() else next(turn)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    looks_up(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    assert code_of("http://mixed.example/") == "address_refused"


def test_a_name_that_changes_its_mind_is_asked_where_it_was_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = []

    def create_connection(to: tuple[str, int], **_: Any) -> socket.socket:
        dialled.append(to)
        raise ConnectionRefusedError

    looks_up(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    monkeypatch.setattr(socket, "create_connection", create_connection)
    site = Site("http://rebinding.example/")
    for _ in range(2):
        with pytest.raises(FetchError):
            site.get("/", limit=10, within_s=1)
    assert dialled == [("93.184.216.34", 80)] * 2


def test_a_name_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert code_of("http://nowhere.example/") == "site_unknown"


@pytest.mark.parametrize("networks", ["127.0.0.0/8", "10.0.0.0/8, 127.0.0.1"])
def test_the_operator_opens_networks(monkeypatch: pytest.MonkeyPatch, networks: str) -> None:
    monkeypatch.setenv("CRAWLER_NETWORKS", networks)
    assert Site("http://127.0.0.1/").start == "http://127.0.0.1/"
    assert code_of("http://169.254.169.254/") == "address_refused"


@pytest.mark.usefixtures("open_loopback")
class TestFetching:
    """What comes back from a site on loopback."""

    def test_a_body_is_read_up_to_the_limit(self) -> None:
        whole, cut = fetched(page("a" * 1_000)), fetched(page("a" * 1_001))
        assert (len(whole.body), whole.truncated) == (1_000, False)
        assert (len(cut.body), cut.truncated) == (1_000, True)

    def test_chunks_are_put_together(self) -> None:
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
        assert fetched(chunked).body == b"abcde"

    def test_a_body_without_a_length_ends_with_the_connection(self) -> None:
        assert fetched(HEAD + b"\r\nabc").body == b"abc"

    def test_a_site_is_told_who_asks_and_under_which_name(self) -> None:
        with serving({"/": page("")}) as loopback:
            Site(loopback.origin).get("/", limit=10, within_s=5)
        assert f"Host: {loopback.origin.removeprefix('http://')}" in loopback.headers
        assert any(header.startswith("User-Agent: pollable-crawler/") for header in loopback.headers)

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            pytest.param(b"", "broken", id="nothing"),
            pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "broken", id="not HTTP"),
            pytest.param(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000, "broken", id="long header"),
            pytest.param(HEAD + b"X: y\r\n" * 200 + b"\r\n", "broken", id="many headers"),
            pytest.param(HEAD + b"Content-Length: 100\r\n\r\nabc", "broken", id="cut short"),
            pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "broken", id="no chunk"),
            pytest.param(HEAD + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b", "packed", id="gzip"),
        ],
    )
    def test_an_answer_that_makes_no_sense_is_no_answer(self, answer: bytes, why: str) -> None:
        with pytest.raises(FetchError, match=why):
            fetched(answer)

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param([b"x"] * 100, id="status"),
            pytest.param([HEAD, *[b"X: y\r\n"] * 80], id="headers"),
            pytest.param([HEAD + b"\r\n", *[b"x"] * 100], id="body"),
            pytest.param([HEAD + b"Content-Length: 100\r\n\r\n", *[b"x"] * 99], id="body with a length"),
            pytest.param([HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 99], id="chunks"),
        ],
    )
    def test_an_answer_that_trickles_in_is_given_up_in_time(self, answer: Answer) -> None:
        started = time.monotonic()
        with pytest.raises(FetchError, match="timeout"):
            fetched(answer, within_s=0.4)
        assert time.monotonic() - started < 3

    def test_a_chunk_of_negative_size_is_not_read_without_end(self) -> None:
        reply = fetched(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 1_000_000)
        assert len(reply.body) <= 1_000

    @pytest.mark.parametrize(
        ("host", "is_trusted", "why"),
        [("localhost", True, None), ("127.0.0.1", True, "unreachable"), ("localhost", False, "unreachable")],
        ids=["its own name", "another name", "nobody knows it"],
    )
    def test_a_site_with_tls_is_read_where_its_certificate_is_good(
        self,
        certificate: Path,
        monkeypatch: pytest.MonkeyPatch,
        host: str,
        is_trusted: bool,
        why: str | None,
    ) -> None:
        if is_trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with serving({"/": page("secret")}, tls=context) as loopback:
            site = Site(loopback.origin.replace("127.0.0.1", host))
            with pytest.raises(FetchError, match=why) if why else nullcontext():
                assert site.get("/", limit=10, within_s=5).body == b"secret"

    def test_nobody_there_is_unreachable(self) -> None:
        with serving({}) as loopback:
            origin = loopback.origin
        with pytest.raises(FetchError, match="unreachable"):
            Site(origin).get("/", limit=10, within_s=5)
