"""Each way in which a real Redis says no, by the ways in which we hear it."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError, ResponseError, TryAgainError

from pollable.errors import StoreFull, StoreReadOnly, StoreUnavailable
from pollable.settings import Settings
from pollable.storage import connection
from pollable.storage.connection import connect_async, store_errors
from pollable.storage.refusals import Refusal, is_away, refusal_of
from tests.saying_no import ContraryRedis
from tests.servers import programs

WRITES: dict[str, Callable[[Redis], object]] = {
    "command": lambda client: client.hset("h", "a", "1"),
    "script": lambda client: client.eval("local function f() redis.call('HSET', 'h', 'a', 1) end f()", 0),
    "freeing script": lambda client: client.eval("redis.call('DEL', 'none') redis.call('HSET', 'h', 'a', 1)", 0),
    "transaction": lambda client: _in_pipeline(client, transaction=True),
    "pipeline": lambda client: _in_pipeline(client, transaction=False),
}
NOT_NOW = {
    **dict.fromkeys(["NOREPLICAS", "READONLY", "MISCONF"], StoreReadOnly),
    "OOM": StoreFull,
    **dict.fromkeys(["BUSY", "max number of clients"], StoreUnavailable),
}
MAY_NOT = ["NOPERM", "NOAUTH"]


def _in_pipeline(client: Redis, *, transaction: bool) -> None:
    with client.pipeline(transaction=transaction) as pipeline:
        # What was to be written must not be mistaken for what Redis said.
        pipeline.hset("h", "a of pipeline caused error: READONLY", "x")
        pipeline.delete("none")
        pipeline.execute()


@pytest.fixture(scope="module", params=sorted(programs()))
def contrary(request: pytest.FixtureRequest) -> Iterator[ContraryRedis]:
    server = ContraryRedis(programs()[request.param])
    yield server
    server.close()


def said(call: Callable[[], object]) -> RedisError:
    with pytest.raises(RedisError) as caught:
        call()
    return caught.value


def kind(error: RedisError) -> type[Exception] | None:
    refusal = refusal_of(error)
    assert (refusal is not None) == is_away(error)
    return None if refusal is None else refusal.problem


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("no", NOT_NOW)
def test_not_now(contrary: ContraryRedis, no: str, write: str) -> None:
    with contrary.saying(no), contrary.client() as client:
        if (no, write) == ("OOM", "freeing script"):
            # What begins by giving memory back may write when there is none left: the scripts rest on it.
            WRITES[write](client)
            return
        error = said(lambda: WRITES[write](client))
    refusal = refusal_of(error)
    assert refusal is not None, error
    assert (refusal.problem, refusal.remedy) == (NOT_NOW[no], "")


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("no", MAY_NOT)
def test_you_may_not(contrary: ContraryRedis, no: str, write: str) -> None:
    with contrary.saying(no), contrary.client() as client:
        error = said(lambda: WRITES[write](client))
    assert kind(error) is StoreUnavailable
    assert _remedy(error)


@pytest.mark.parametrize(
    "options",
    [{"db": 99}, {"password": "wrong", "username": "nobody"}, {"db": 99, "protocol": 2}],
    ids=["database", "password", "database in RESP2"],
)
def test_a_wrong_address_has_a_remedy(contrary: ContraryRedis, options: dict[str, str]) -> None:
    with contrary.client(**options) as client:
        error = said(client.ping)
    assert kind(error) is StoreUnavailable
    assert "REDIS_URL" in _remedy(error)


def test_a_master_that_is_away(contrary: ContraryRedis) -> None:
    with contrary.saying("MASTERDOWN"), contrary.client() as client:
        for read in (lambda: client.get("any"), lambda: client.eval("return redis.call('GET', 'any')", 0)):
            assert kind(said(read)) is StoreUnavailable


def test_a_redis_that_loads(contrary: ContraryRedis) -> None:
    contrary.set(rdbcompression="no")
    with contrary.client() as client:
        for number in range(200):
            client.set(f"k{number}", secrets.token_bytes(100_000))
        client.save()
        contrary.stop()
        contrary.start("--key-load-delay", "30000")
        assert kind(said(lambda: WRITES["script"](contrary.admin))) is StoreUnavailable
    contrary.stop()
    (contrary.directory / "dump.rdb").unlink()
    contrary.start()


@pytest.mark.parametrize("name", sorted(programs()))
def test_a_cluster_is_no_place_for_us(name: str) -> None:
    server = ContraryRedis(programs()[name], "--cluster-enabled", "yes")
    try:
        for write in WRITES:
            error = said(lambda write=write: WRITES[write](server.admin))  # type: ignore[misc]
            assert kind(error) is StoreUnavailable, error
        with server.client(db=3) as client:
            # Since Valkey 9 a cluster may have databases: what is wrong there is the number.
            wrong = ("one Redis in place of a cluster", "a database that this Redis has")
            assert _remedy(said(client.ping)) in [f"REDIS_URL names {what}" for what in wrong]
    finally:
        server.close()


@pytest.mark.parametrize(
    "error",
    [
        TryAgainError("Multiple keys request during rehashing of slot", status_code="TRYAGAIN"),
        ResponseError("-MISCONF Errors writing to the AOF file: No space left on device"),
        ResponseError("Error running script (call to f_1): @user_script:3: @user_script: 3: -BUSY Redis is busy"),
    ],
    ids=["TRYAGAIN", "AOF", "nested"],
)
def test_what_no_single_server_says(error: RedisError) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.eval("return redis.call('GET')", 0),
        lambda client: client.execute_command("OOMPH"),
        lambda client: client.eval("return redis.error_reply('OOMPH')", 0),
        lambda client: client.lpush("h", "1"),
        lambda client: client.eval("error('MISCONF was not said by Redis')", 0),
    ],
    ids=["arity", "unknown", "another code", "type", "our own"],
)
def test_a_fault_of_ours_is_no_refusal(contrary: ContraryRedis, call: Callable[[Redis], object]) -> None:
    with contrary.client() as client:
        client.hset("h", "a", "1")
        assert not is_away(said(lambda: call(client)))


def test_no_redis_at_all(tmp_path: Path) -> None:
    with Redis(unix_socket_path=str(tmp_path / "none")) as client:
        assert kind(said(client.ping)) is StoreUnavailable


def test_a_remedy_is_told_once(
    contrary: ContraryRedis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_told_until", {})

    async def ask() -> None:
        async with connect_async(Settings(redis_url=contrary.url)) as client:
            for _ in range(3):
                with pytest.raises(StoreUnavailable), store_errors():
                    await client.hset("h", "a", "1")

    with contrary.saying("NOPERM"):
        asyncio.run(ask())
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "until the Redis user of REDIS_URL may do more" in record.message


def _remedy(error: RedisError) -> str:
    refusal = refusal_of(error)
    assert isinstance(refusal, Refusal)
    return refusal.remedy
