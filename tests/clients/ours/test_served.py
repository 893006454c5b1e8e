"""`/client.js` and its types, as a browser or a cache gets them."""

import gzip
from pathlib import Path

import httpx
import pytest

import pollable
from tests.system.running import Running

WEB = Path(pollable.__file__).with_name("web")
PATHS = {"/client.js": "text/javascript; charset=utf-8", "/client.d.ts": "text/plain; charset=utf-8"}
PLAIN, PACKED = {"accept-encoding": "identity"}, {"accept-encoding": "br, gzip"}


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_served_to_everybody_as_what_it_is(service: Running, path: str) -> None:
    answer = service.http.get(path, headers=PLAIN)
    assert (answer.status_code, answer.headers["content-type"]) == (200, PATHS[path])
    assert answer.content == WEB.joinpath(path[1:]).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
def test_each_encoding_has_an_etag_of_its_own(service: Running, path: str) -> None:
    plain, packed = (service.http.get(path, headers=asked) for asked in (PLAIN, PACKED))
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    etags = [answer.headers["etag"] for answer in (plain, packed)]
    assert len(set(etags)) == 2
    assert all(etag.startswith('"') for etag in etags)
    assert etags[1] == etags[0][:-1] + '-gzip"'
    for etag, asked, other in zip(etags, (PLAIN, PACKED), (PACKED, PLAIN), strict=True):
        known = service.http.get(path, headers={**asked, "if-none-match": f'"x", {etag}'})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
        assert "content-type" not in known.headers
        # Who has the other form has the same.
        known = service.http.get(path, headers={**other, "if-none-match": etag})
        assert (known.status_code, known.headers["etag"]) == (304, etags[0])


@pytest.mark.parametrize("refused", ["", "gzip;q=0", "gzip; q=0", "br", "GZIP;Q=0.0"])
def test_who_takes_no_gzip_gets_none(service: Running, refused: str) -> None:
    answer = service.http.get("/client.js", headers={"accept-encoding": refused})
    assert "content-encoding" not in answer.headers


def test_a_head_has_the_headers_alone(service: Running) -> None:
    got, head = (service.http.request(method, "/client.js", headers=PLAIN) for method in ("GET", "HEAD"))
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))


def test_the_client_is_under_3000_bytes_on_its_way(service: Running) -> None:
    with httpx.stream("GET", f"{service.url}/client.js", headers=PACKED, trust_env=False) as answer:
        body = b"".join(answer.iter_raw())
    assert len(body) == int(answer.headers["content-length"]) < 3000
    assert gzip.decompress(body) == WEB.joinpath("client.js").read_bytes()
    # It asks for nothing else.
    assert b"import " not in gzip.decompress(body)
