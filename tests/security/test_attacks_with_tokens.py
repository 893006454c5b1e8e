"""Forged tokens against a running server: none reads, submits, cancels or lists, and none makes it do more than answer.

Two forgeries' tables are those of `tests/auth`, where each is held to its reason; here they come over the wire.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pollable.auth.principal import owner_of
from pollable.cli import issued_tokens
from tests.auth import test_public_key_attacks as asymmetric
from tests.auth import test_shared_secret_attacks as symmetric
from tests.auth.keyserver import KeyServer
from tests.auth.minting import (
    AUDIENCE,
    ISSUER,
    SECRET,
    b64,
    claims,
    hs_token,
    json_hs_token,
    jwk,
    raw_hs_token,
    rsa_key,
    signed,
    unsigned,
)
from tests.security.naive import believed, obeyed
from tests.security.served import Answer, Served, serving

SIGNED_BY_BOTH = {"POLLABLE_AUTH": "jwt,tokens", "POLLABLE_JWT_ISSUER": ISSUER, "POLLABLE_JWT_AUDIENCE": AUDIENCE}
MOST_S = 2.0
"""No token takes longer to refuse, on a machine that is busy."""


@pytest.fixture(scope="module")
def evil() -> Iterator[KeyServer]:
    with KeyServer().running() as server:
        server.publish(jwk(rsa_key("attacker"), "attacker"))
        yield server


@pytest.fixture(scope="module")
def key_server() -> Iterator[KeyServer]:
    with KeyServer().running() as server:
        server.publish(*asymmetric.published())
        yield server


@pytest.fixture(scope="module")
def secret(redis_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(
        redis_program, tmp_path_factory.mktemp("secret"), POLLABLE_JWT_SECRET=SECRET, **SIGNED_BY_BOTH
    ) as served:
        yield served


@pytest.fixture(scope="module")
def keys(redis_program: Path, key_server: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(
        redis_program, tmp_path_factory.mktemp("keys"), POLLABLE_JWKS_URL=key_server.url, **SIGNED_BY_BOTH
    ) as served:
        yield served


def refused(served: Served, token: str | bytes, *, good: str) -> None:
    """It does nothing at all, and says no more than that."""
    job_id = served.job_of(good)
    before = served.waiting()
    order = b'{"type":"anything","payload":"forged"}'
    began = time.monotonic()
    json_body = [("content-type", "application/json")]
    answers = [
        served.ask("GET", f"/jobs/{job_id}", token=token),
        served.ask("POST", "/jobs", token=token, headers=json_body, body=order),
        served.ask("POST", f"/jobs/{job_id}/cancel", token=token),
    ]
    assert time.monotonic() - began < MOST_S
    assert {answer.status for answer in answers} <= {400, 401, 431}, answers
    assert not any(job_id.encode() in answer.body for answer in answers)
    assert not any(_quotes(answer, token) for answer in answers)
    assert (served.state(job_id), served.waiting()) == ("queued", before)


def _quotes(answer: Answer, token: str | bytes) -> bool:
    text = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
    return len(text) > 20 and (text[:200] in answer.body or text[-40:] in answer.body)


SEEN_BY_NOBODY = {
    "sub missing", "sub empty", "payload not JSON", "payload a list", "payload not UTF-8", "payload nested too deep",
    "header nested too deep", "one part", "two parts", "five parts, as an encrypted token", "parts all empty",
    "personal access token where there are none", "exp of 5000 digits",
}  # fmt: skip
"""What not even an application that verifies nothing takes for a caller."""


@pytest.mark.parametrize("name", symmetric.ATTACKS)
def test_a_forged_token_is_nobody(secret: Served, name: str) -> None:
    token = symmetric.ATTACKS[name][0]()
    refused(secret, token, good=hs_token())
    if name not in SEEN_BY_NOBODY:
        assert believed(token) or "sub" in name or "not ASCII" in name or "NUL" in name or "parts" in name


@pytest.mark.parametrize("name", asymmetric.ATTACKS)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_of_another_key_is_nobody(keys: Served, evil: KeyServer, name: str) -> None:
    token = asymmetric.ATTACKS[name][0](evil.url)
    refused(keys, token, good=signed(rsa_key(), "RS256", kid="rsa"))
    assert believed(token) == "ann"
    assert evil.hits == 0


FORGED: dict[str, Callable[[], str | bytes]] = {
    "enclosed symmetric key": lambda: raw_hs_token(
        json.dumps({"alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"k" * 32)}}).encode(),
        json.dumps(claims()).encode(), key=b"k" * 32,
    ),
    "kid that names an empty file": lambda: raw_hs_token(
        b'{"alg":"HS256","kid":"/dev/null"}', json.dumps(claims()).encode(), key=b""
    ),
    "kid that names a file that everyone has": lambda: raw_hs_token(
        b'{"alg":"HS256","kid":"/etc/hostname"}', json.dumps(claims()).encode(), key=Path("/etc/hostname").read_bytes()
    ),
    "alg none": lambda: unsigned({"alg": "none"}),
    "alg nOnE": lambda: unsigned({"alg": "nOnE"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_a_header_does_not_say_how_it_is_verified(secret: Served, name: str) -> None:
    token = FORGED[name]()
    refused(secret, token, good=hs_token())
    assert obeyed(str(token)) == "ann"


ODD: dict[str, Callable[[], str | bytes]] = {
    "sub twice": lambda: raw_hs_token(
        b'{"alg":"HS256"}', json.dumps(claims())[:-1].encode() + b',"sub":"ann"}', key=b"x" * 64
    ),
    "alg twice, the second none": lambda: raw_hs_token(b'{"alg":"HS256","alg":"none"}', json.dumps(claims()).encode()),
    "alg as a list": lambda: raw_hs_token(b'{"alg":["HS256"]}', json.dumps(claims()).encode()),
    "alg null": lambda: raw_hs_token(b'{"alg":null}', json.dumps(claims()).encode()),
    "alg missing": lambda: raw_hs_token(b"{}", json.dumps(claims()).encode()),
    "kid that reads another table": lambda: hs_token("y" * 64, headers={"kid": "' UNION SELECT 'y' --"}),
    "kid that is a command": lambda: hs_token("y" * 64, headers={"kid": "| touch /tmp/forged"}),
    "kid with a line break": lambda: hs_token("y" * 64, headers={"kid": "a\r\nSET x 1"}),
    "a token within a token": lambda: json_hs_token({"alg": "HS256", "cty": "JWT"}, {"jwt": hs_token()}),
    "a token as its own payload": lambda: raw_hs_token(b'{"alg":"HS256"}', hs_token().encode()),
    "compressed": lambda: json_hs_token({"alg": "HS256", "zip": "DEF", "crit": ["zip"]}, claims()),
    "standard base64 instead of url-safe": lambda: hs_token("z" * 64).replace("-", "+").replace("_", "/"),
    "signature in other base64": lambda: hs_token().rsplit(".", 1)[0] + "." + "+/" * 20,
    "a signature longer by a character": lambda: hs_token() + "A",
    "sub in full-width letters": lambda: hs_token("z" * 64, sub="\uff41\uff4e\uff4e"),
    "sub with a direction override": lambda: hs_token(sub="ann\u202e"),
    "sub with a zero-width joiner": lambda: hs_token(sub="ann\u200d"),
    "sub only blanks": lambda: hs_token(sub="\u2028"),
    "8193 bytes": lambda: b"a" * 8193,
    "20 kB": lambda: b"a" * 20_000,
    "40 kB": lambda: b"eyJhbGciOiJub25lIn0." * 2_000,
    "dots alone": lambda: b"." * 8_000,
    "blanks and dots": lambda: b". " * 1_000,
    "not UTF-8": lambda: b"\xff\xfe.\xff.\xff",
    "a digest in place of a token": lambda: "pbl_" + "0" * 64,
    "a personal token that was never made": lambda: "pbl_" + "A" * 32,
    "a personal token with a key in it": lambda: "pbl_../../job:x",
    "a personal token with a wildcard": lambda: "pbl_" + "*" * 32,
    "no token at all": lambda: b"",
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_token_is_nobody(secret: Served, name: str) -> None:
    token = ODD[name]()
    try:
        refused(secret, token, good=hs_token())
    except ConnectionError:
        # A head of more than 32 kB is answered before it has been read.
        assert len(token) > 32_768


@pytest.mark.parametrize("scheme", ["Basic", "bearer2", "Token", "Bearer,", "", "Digest", "DPoP", "Negotiate"])
def test_a_token_by_another_scheme_is_nobody(secret: Served, scheme: str) -> None:
    headers = [("authorization", f"{scheme} {hs_token()}".strip())]
    answer = secret.ask("GET", "/jobs", headers=headers)
    assert (answer.status, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
    # The control: the same token by the right one, in either case.
    for right in ("Bearer", "bearer", "BEARER"):
        assert secret.ask("GET", "/jobs", headers=[("authorization", f"{right} {hs_token()}")]).status == 200


@pytest.mark.parametrize(
    "target", ["/jobs?access_token={}", "/jobs?token={}", "/jobs?authorization=Bearer%20{}", "/jobs#Bearer%20{}"]
)
def test_a_token_in_an_address_counts_for_nothing(secret: Served, target: str) -> None:
    # RFC 6750, section 2.3: it would stand in every log on the way.
    token = hs_token()
    assert secret.ask("GET", target.format(token)).status in (400, 401)
    assert token not in secret.log


@pytest.mark.parametrize("header", ["cookie", "x-auth-token", "proxy-authorization", "x-remote-user"])
def test_no_other_header_says_who_asks(secret: Served, header: str) -> None:
    value = f"Bearer {hs_token()}" if "author" in header else f"token={hs_token()}" if header == "cookie" else "ann"
    assert secret.ask("GET", "/jobs", headers=[(header, value)]).status == 401


def test_who_reads_redis_learns_no_token_and_a_digest_opens_nothing(secret: Served) -> None:
    token, _ = issued_tokens.create(secret.redis, "eve", lifetime_s=60)
    assert secret.ask("GET", "/jobs", token=token).status == 200
    (key,) = secret.redis.scan_iter("rq:pollable:token:*")
    stolen = key.decode().rpartition(":")[2]
    for guess in (stolen, f"pbl_{stolen}", f"pbl_{stolen[:32]}"):
        refused(secret, guess, good=hs_token())


def test_an_issuer_and_a_subject_that_run_together_are_two_people(secret: Served) -> None:
    assert len({owner_of("ab", "c"), owner_of("a", "bc"), owner_of("", "abc"), owner_of("abc", "")}) == 4
    mine, theirs = hs_token(), issued_tokens.create(secret.redis, "ann", lifetime_s=60)[0]
    # A personal token of the same name is of no issuer, and so another person.
    assert secret.ask("GET", f"/jobs/{secret.submit(token=mine)}", token=theirs).status == 404


@pytest.mark.parametrize("scope", ["jobs:read", "jobs:write", "jobs:reader", "jobs", "openid", "JOBS:ADMIN", "*"])
def test_no_scope_is_more_than_it_says(secret: Served, scope: str) -> None:
    others = secret.submit(token=hs_token(sub="bob"))
    token = hs_token(sub="eve", scope=scope)
    assert secret.ask("GET", f"/jobs/{others}", token=token).status in (403, 404)
    assert secret.ask("POST", f"/jobs/{others}/cancel", token=token).status in (403, 404)
    assert secret.ask("GET", f"/jobs/{others}", token=hs_token(sub="eve", scope="jobs:admin jobs:read")).status == 200
    assert secret.state(others) == "queued"


def test_what_was_attempted_left_no_token_in_the_log_and_no_line_that_is_none(secret: Served, keys: Served) -> None:
    for served in (secret, keys):
        lines = served.log.splitlines()
        assert lines
        assert all(json.loads(line)["level"] for line in lines)
        assert "eyJ" not in served.log
        assert "pbl_" not in served.log
