"""Large answers come in gzip to who takes it, each form with an ETag of its own; small ones and streams never do."""

import asyncio
import random
import re
import threading
import time
import zlib
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pollable.http import kept
from pollable.http.coding import FRAME, LARGE_BYTES, LEVEL, coded, takes_gzip
from pollable.settings import ENVELOPES, Settings
from tests.http.calling import PROJECT_ID, Deployment, catalog_of, job_type
from tests.http.refusing import ordered, post_raw
from tests.http.test_lifecycle import READS

LARGE = msgspec.json.encode(
    {"rows": [{"number": number, "text": "a row of a large result"} for number in range(2_000)]}
)
SECRET = "a secret that is long enough for HS256"
VARY = "Authorization, Prefer, Accept-Encoding"

# The first six are the examples of RFC 9110, section 12.5.3, and what it says around them.
TAKEN = ["compress, gzip", "*", "compress;q=0.5, gzip;q=1.0", "gzip;q=1.0, identity; q=0.5, *;q=0"]
REFUSED = ["", "identity;q=0"]
TAKEN += ["gzip", "GZIP", "gzip;q=0.001", "gzip ;\tQ=1.000", "identity;q=0, *", "br, gzip;q=0.8", "deflate, , gzip,"]
TAKEN += ["gzip, identity", "*;q=0.1", "identity;q=0.5, gzip;q=0.5", "gzip;q=1.", "nonsense;a=b, gzip"]
REFUSED += ["gzip;q=0", "gzip; q=0.000", "*;q=0", "br", "identity", "*, gzip;q=0", "gzip;q=0.4, identity;q=0.5"]
REFUSED += ["gzip;q=0.1, *;q=0.5", "gzip;q=2", "gzip;q=-1", "gzip;q=0.1234", "gzip;q=", "gzip;level=1", "not-gzip"]


def asking(*fields: str) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((b"accept-encoding", field.encode("latin-1")) for field in fields)


@pytest.mark.parametrize("said", TAKEN)
def test_gzip_is_taken(said: str) -> None:
    assert takes_gzip(asking(said))
    assert takes_gzip(asking(*said.split(",")))


@pytest.mark.parametrize("said", REFUSED)
def test_gzip_is_not_taken(said: str) -> None:
    assert not takes_gzip(asking(said))
    assert not takes_gzip(((b"accept", b"gzip"), *asking(*said.split(","))))


def test_who_says_nothing_takes_none() -> None:
    # It may be sent (RFC 9110, section 12.5.3); who cannot read it would have to know of the header.
    assert not takes_gzip(((b"accept", b"gzip"),))


SPACES = st.sampled_from(["", " ", "\t", "  "])
WEIGHTS = st.one_of(st.none(), st.integers(0, 1000))
CODINGS = st.dictionaries(st.sampled_from(["gzip", "identity", "*", "br", "deflate"]), WEIGHTS)


@given(CODINGS, st.data())
def test_what_is_taken_follows_from_the_weights(weights: dict[str, int | None], data: st.DataObject) -> None:
    parts = []
    for coding, weight in weights.items():
        around = [data.draw(SPACES) for _ in range(4)]
        name = data.draw(st.sampled_from([coding, coding.upper()]))
        told = "" if weight is None else f"{around[1]};{around[2]}q={weight // 1000}.{weight % 1000:03}"
        parts.append(around[0] + name + told + around[3])
    thousandths = {coding: 1000 if weight is None else weight for coding, weight in weights.items()}
    gzip = thousandths.get("gzip", thousandths.get("*", 0))
    plain = thousandths.get("identity", thousandths.get("*", 0))
    at = data.draw(st.integers(0, len(parts)))
    assert takes_gzip(asking(",".join(parts[:at]), ",".join(parts[at:]))) == (gzip > 0 and gzip >= plain)


@pytest.mark.parametrize("odd", [" " * 60_000 + "x", "gzip" + " " * 60_000 + "x", "gzip;" * 12_000, "," * 60_000])
def test_a_long_head_is_read_once(odd: str) -> None:
    assert not takes_gzip(asking(odd))


def is_packed(answer: httpx.Response) -> bool:
    """Whether it came in gzip, its head being right about it. httpx has unpacked it."""
    size = int(answer.headers["content-length"])
    if "content-encoding" not in answer.headers:
        assert size == len(answer.content)
        return False
    assert answer.headers["content-encoding"] == "gzip"
    assert size == len(zlib.compress(answer.content, LEVEL, FRAME))
    return True


@pytest.fixture
def job_id(deployment: Deployment) -> str:
    made = deployment.submit(project=PROJECT_ID)
    deployment.succeed(made, LARGE)
    return made


# `agent` shows an id in place of the result.
PATHS = {name: READS[name] for name in ENVELOPES if name != "agent"} | {"result": "/jobs/{id}/result"}


@pytest.mark.parametrize("name", PATHS)
def test_a_large_read_comes_as_it_is_asked_for(deployment: Deployment, job_id: str, name: str) -> None:
    path = PATHS[name].format(id=job_id)
    plain, packed = deployment.get(path, accept_encoding="identity"), deployment.get(path, accept_encoding="gzip")
    assert [is_packed(each) for each in (plain, packed)] == [False, True]
    assert packed.content == plain.content
    assert LARGE in plain.content
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    assert {each.headers["vary"] for each in (plain, packed)} == {VARY}
    assert {each.headers["cache-control"] for each in (plain, packed)} == {"private, no-cache"}
    for asked, answer in (("identity", plain), ("gzip", packed)):
        head = deployment.request("HEAD", path, headers={"accept-encoding": asked})
        told = ("content-length", "content-type", "content-encoding", "etag", "vary")
        assert [head.headers.get(field) for field in told] == [answer.headers.get(field) for field in told]
        assert head.content == b""


@pytest.mark.parametrize("name", PATHS)
def test_who_has_either_form_is_told_so(deployment: Deployment, job_id: str, name: str) -> None:
    path = PATHS[name].format(id=job_id)
    plain = deployment.get(path, accept_encoding="identity").headers["etag"]
    packed = deployment.get(path, accept_encoding="gzip").headers["etag"]
    both = f"{plain}, {packed}"
    # What is named of a 304 is what the caller has, if it takes that, and else what it would get.
    for asked, has, told in (
        *(("identity", each, plain) for each in (plain, packed, both, f"W/{packed}", "*")),
        *(("gzip", each, packed) for each in (packed, both, f"W/{packed}", f'"x", {packed}')),
        ("gzip", plain, plain),
    ):
        answer = deployment.get(path, accept_encoding=asked, if_none_match=has)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", told), (asked, has)
        assert answer.headers["vary"] == VARY
        assert "content-encoding" not in answer.headers
    for other in (packed.replace("-gzip", "-br"), packed[1:-1], '"-gzip"'):
        assert deployment.get(path, accept_encoding="gzip", if_none_match=other).status_code == 200, other


def test_a_result_is_packed_from_a_size_on(deployment: Deployment) -> None:
    for size, is_large in ((LARGE_BYTES - 1, False), (LARGE_BYTES, True)):
        made = deployment.submit()
        deployment.succeed(made, b'"%s"' % (b"x" * (size - 2)))
        answer = deployment.get(f"/jobs/{made}/result", accept_encoding="gzip")
        assert (is_packed(answer), answer.headers["etag"].endswith('-gzip"')) == (is_large, is_large)


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_small_read_is_never_packed(deployment: Deployment, name: str) -> None:
    made = deployment.submit(project=PROJECT_ID)
    path = READS[name].format(id=made)
    for asked in ("gzip", "gzip, identity;q=0", "*"):
        answer = deployment.get(path, accept_encoding=asked)
        assert not is_packed(answer)
        assert answer.headers["vary"] == VARY
        # Who has another release's form of it, or a cache that called it so.
        etag = answer.headers["etag"]
        again = deployment.get(path, accept_encoding="identity", if_none_match=etag[:-1] + '-gzip"')
        assert (again.status_code, again.headers["etag"]) == (304, etag)


def test_what_is_kept_for_a_second_is_small() -> None:
    # So no answer is packed again and again, or kept in two forms.
    assert kept.LARGEST_BYTES < LARGE_BYTES


def test_lists_and_descriptions_are_packed(deployment: Deployment) -> None:
    ids = [deployment.submit() for _ in range(50)]
    many = "&".join(f"id={each}" for each in ids)
    for path in ("/jobs?limit=50", f"/jobs?{many}", "/openapi.json"):
        plain, packed = deployment.get(path, accept_encoding=""), deployment.get(path, accept_encoding="gzip")
        assert [is_packed(each) for each in (plain, packed)] == [False, True]
        assert packed.content == plain.content
        assert int(packed.headers["content-length"]) * 4 < len(plain.content)
        assert deployment.get(path, if_none_match=packed.headers["etag"]).status_code == 304


def test_an_answer_that_nobody_may_keep_is_packed_too(deployment: Deployment) -> None:
    body = ordered('1,"%s":2' % ("x" * LARGE_BYTES))
    plain, packed = (post_raw(deployment, body, accept_encoding=asked) for asked in ("identity", "gzip"))
    assert [each.status_code for each in (plain, packed)] == [422, 422]
    assert [is_packed(each) for each in (plain, packed)] == [False, True]
    assert packed.content == plain.content
    for answer in (plain, packed):
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("no-store", "Accept-Encoding")
        assert "etag" not in answer.headers


def test_metrics_of_many_types_are_packed(settings: Settings) -> None:
    names = [f"type-{number}" for number in range(20)]
    catalog = catalog_of(*(job_type(name, payload_type=Any, result_type=Any) for name in names))
    deployment = Deployment(msgspec.structs.replace(settings, metrics="public"), catalog=catalog)
    for name in names:
        deployment.succeed(deployment.submit(name))
    plain, packed = (deployment.get("/metrics", accept_encoding=asked) for asked in ("identity", "gzip"))
    deployment.close()
    assert [is_packed(each) for each in (plain, packed)] == [False, True]
    assert packed.text.startswith("# HELP")
    assert packed.headers["cache-control"] == "no-store"


def test_a_stream_is_never_packed(deployment: Deployment, job_id: str) -> None:
    answer = deployment.get(f"/jobs/{job_id}/events", accept_encoding="gzip")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in answer.headers
    assert LARGE in answer.content
    assert answer.headers["vary"] == "Authorization"


def test_a_page_of_another_origin_varies_by_that_as_well(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, cors_origins=("https://app.example",)))
    made = deployment.submit()
    deployment.succeed(made, LARGE)
    answer = deployment.get(f"/jobs/{made}", accept_encoding="gzip", origin="https://app.example")
    deployment.close()
    assert is_packed(answer)
    assert set(re.split(", *", answer.headers["vary"])) == {"Authorization", "Prefer", "Accept-Encoding", "Origin"}


def test_who_pays_by_quota_is_told_what_is_left(settings: Settings) -> None:
    deployment = Deployment(msgspec.structs.replace(settings, quota_polls=10))
    made = deployment.submit()
    deployment.succeed(made, LARGE)
    packed = deployment.get(f"/jobs/{made}", accept_encoding="gzip")
    again = deployment.get(f"/jobs/{made}", accept_encoding="gzip", if_none_match=packed.headers["etag"])
    deployment.close()
    assert (is_packed(packed), again.status_code) == (True, 304)
    assert all("ratelimit" in each.headers for each in (packed, again))


def test_no_answer_has_the_token_in_it_that_asked_for_it(settings: Settings) -> None:
    token = jwt.encode({"sub": "ann", "exp": int(time.time()) + 600}, SECRET)
    deployment = Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))
    own = {"authorization": f"Bearer {token}"}
    made = str(deployment.post("/jobs", {"type": "anything", "payload": 1}, **own).json()["id"])
    deployment.succeed(made, LARGE)
    for path in (*PATHS.values(), "/jobs", "/job-types", "/openapi.json", "/nowhere", "/jobs?status=none"):
        answer = deployment.get(path.format(id=made), accept_encoding="gzip", **own)
        assert answer.content
        assert not [part for part in (*token.split("."), SECRET) if part in answer.text], path
        assert "set-cookie" not in answer.headers
    deployment.close()


def test_others_are_served_while_something_is_packed() -> None:
    body = random.Random(1).randbytes(1_000_000) * 20

    async def packing() -> int:
        task: asyncio.Task[Any] = asyncio.create_task(coded((), body))
        turns = 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    # On the loop's own thread there would be two.
    assert asyncio.run(packing()) > 50


def test_one_thread_packs_for_all() -> None:
    async def packing() -> set[bytes]:
        bodies = await asyncio.gather(*(coded(((b"etag", b'"a"'),), LARGE) for _ in range(20)))
        return {body for _, body in bodies}

    # The same body is always the same bytes, as a strong ETag has it.
    assert asyncio.run(packing()) == {zlib.compress(LARGE, LEVEL, FRAME)}
    assert sum(thread.name.startswith("gzip") for thread in threading.enumerate()) == 1
