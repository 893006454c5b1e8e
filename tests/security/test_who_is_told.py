"""What describes a deployment (its job types, its queues) is told to those who may read jobs, and to nobody else."""

import time
from collections.abc import Iterator
from contextlib import closing

import jwt
import msgspec
import pytest

from pollable.http.described import document
from pollable.settings import Settings
from pollable.storage import keys
from pollable.storage.scripts import source
from tests.http.calling import JOB_TYPES, Deployment

SECRET = "a secret that is long enough for HS256"
TOLD = ("pollable-high", "generate_assessment", "audit")


def bearer(scope: str, *, lifetime_s: int = 600, secret: str = SECRET) -> str:
    claims = {"sub": "somebody", "exp": int(time.time()) + lifetime_s, "scope": scope}
    return "Bearer " + jwt.encode(claims, secret, algorithm="HS256")


READER = bearer("jobs:read")
STRANGERS = {
    "nobody": {},
    "no bearer": {"authorization": "Basic YTpi"},
    "an expired token": {"authorization": bearer("jobs:read", lifetime_s=-120)},
    "a forged token": {"authorization": bearer("jobs:read", secret="another secret that is long enough")},
    "one who may only write": {"authorization": bearer("jobs:write")},
}


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Deployment]:
    with closing(Deployment(msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET))) as deployment:
        yield deployment


@pytest.fixture
def public(settings: Settings) -> Iterator[Deployment]:
    settings = msgspec.structs.replace(settings, auth=("jwt",), jwt_secret=SECRET, public_docs=True)
    with closing(Deployment(settings)) as deployment:
        yield deployment


@pytest.mark.parametrize("who", STRANGERS)
def test_the_description_is_for_readers(guarded: Deployment, public: Deployment, who: str) -> None:
    answer = guarded.get("/openapi.json", **STRANGERS[who])
    types = guarded.get("/job-types", **STRANGERS[who])
    assert answer.status_code in (401, 403)
    assert (answer.status_code, answer.json()["code"]) == (types.status_code, types.json()["code"])
    assert answer.headers.get("www-authenticate") == types.headers.get("www-authenticate")
    assert not any(word in answer.text for word in TOLD)
    assert guarded.get("/openapi.json", authorization=READER).json()["paths"]["/jobs"]
    # The control: opened on purpose.
    assert public.get("/openapi.json", **STRANGERS[who]).json()["paths"]["/jobs"]
    assert public.get("/job-types", **STRANGERS[who]).status_code == types.status_code


def test_the_description_says_who_may_read_it(guarded: Deployment, public: Deployment) -> None:
    described = guarded.get("/openapi.json", authorization=READER).json()["paths"]["/openapi.json"]["get"]
    assert described["security"] == [{"bearer": ["jobs:read"]}]
    assert "security" not in public.get("/openapi.json").json()["paths"]["/openapi.json"]["get"]


@pytest.mark.parametrize("who", STRANGERS)
def test_readiness_is_a_word_for_strangers(guarded: Deployment, public: Deployment, who: str) -> None:
    asked, told = guarded.get("/readyz", **STRANGERS[who]), guarded.get("/readyz", authorization=READER)
    assert (asked.status_code, asked.json()["code"]) == (told.status_code, told.json()["code"]) == (503, "no_worker")
    assert "pollable-high" in told.text
    assert not any(word in asked.text for word in TOLD)
    assert asked.headers["retry-after"] == told.headers["retry-after"]
    assert public.get("/readyz", **STRANGERS[who]).text == told.text
    announce(guarded, "anything")
    told = guarded.get("/readyz", authorization=READER)
    assert (told.status_code, told.json()["status"]) == (200, "ok")
    assert told.json()["typesWithoutWorker"]
    for asked in (guarded.get("/readyz", **STRANGERS[who]), guarded.request("HEAD", "/readyz")):
        assert asked.status_code == 200
        assert asked.request.method == "HEAD" or asked.json() == {"status": "ok"}
        assert asked.headers["content-length"] == "15"
    assert public.get("/readyz", **STRANGERS[who]).text == told.text
    announce(guarded, *(each.name for each in JOB_TYPES))


def test_without_authentication_everyone_is_told_who_knows_its_name(deployment: Deployment) -> None:
    assert "pollable-high" in deployment.get("/readyz").text
    assert "pollable-high" not in deployment.get("/readyz", host="10.1.2.3:8000").text


@pytest.mark.parametrize("authorization", ["", READER], ids=["a stranger", "a reader"])
def test_readiness_without_redis_says_so_and_no_more(authorization: str) -> None:
    away = Settings(redis_url="redis://127.0.0.1:1/0", auth=("jwt", "tokens"), jwt_secret=SECRET)
    with closing(Deployment(away)) as deployment:
        asked = deployment.get("/readyz", **({"authorization": authorization} if authorization else {}))
        assert (asked.status_code, asked.json()["code"]) == (503, "store_unavailable")
        token = deployment.get("/readyz", authorization="Bearer pbl_" + "a" * 32)
        assert (token.status_code, token.json()["code"]) == (503, "store_unavailable")


def test_the_description_is_made_once(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    first = deployment.get("/openapi.json")
    monkeypatch.setattr(document, "document", None)
    assert deployment.get("/openapi.json").content == first.content


def announce(deployment: Deployment, *names: str) -> None:
    script = deployment.redis.register_script(source("announce"))
    script(args=[keys.PREFIX, keys.RQ_PREFIX, " ".join(names), *deployment.settings.queues])
