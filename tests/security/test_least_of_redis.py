"""What the Redis users of docs/deploying.md may send: what the service sends, and nothing besides."""

import re
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import redis

from pollable.cli.embedded import Private
from pollable.storage import scripts
from tests.security.redis_users import USERS, WEB, WORKER, address, commands, install

SCRIPTS = {
    WEB: (
        *("submit", "read", "list", "cancel", "delete", "limit", "token", "staffing", "queues", "reap", "fail"),
        *("tally", "figures"),
    ),
    WORKER: ("pop", "claim", "renew", "complete", "announce", "reap", "fail"),
}
EVERY_SCRIPT = {"evalsha", "script|load"}
DIRECTLY = {
    # Readiness, submits with replicas; stopping a job; tokens; `pollable check`; changes.
    WEB: {"eval", "set", "publish", "multi", "exec", "hgetall", "scan", "ping", "psubscribe", "punsubscribe"},
    # RQ's books of a worker, its executions and its results; its commands to a worker; a worker that registers
    # again, or waits for a bell.
    WORKER: {"multi", "exec", "watch", "unwatch", "hgetall", "hexists", "hincrbyfloat", "sadd", "sinter", "xadd"}
    | {"subscribe", "unsubscribe", "blpop"},
}
"""What is sent without a script. That each is needed was found by leaving it out."""
CALLED = re.compile(r"redis\.p?call\(\s*'([A-Z]+)'(?:, '(NUMSUB)')?")
PARTS = {"bells", "clock", "counts", "durations", "held", "memory", "names", "nothing", "record", "row", "view"}
PARTS |= {"window", "workers"}

NEVER: dict[str, tuple[str, ...]] = {
    "names of all keys": ("KEYS", "*"),
    "configuration": ("CONFIG", "GET", "requirepass"),
    "changed configuration": ("CONFIG", "SET", "dir", "/tmp"),
    "other clients": ("CLIENT", "LIST"),
    "other clients' end": ("CLIENT", "KILL", "ID", "999999999"),
    "own name": ("CLIENT", "SETNAME", "a"),
    "users": ("ACL", "LIST"),
    "a user more": ("ACL", "SETUSER", "forged", "off"),
    "another server": ("MIGRATE", "127.0.0.1", "1", "rq:nothing", "0", "1"),
    "being a replica": ("REPLICAOF", "NO", "nobody"),
    "all that others send": ("MONITOR",),
    "functions": ("FUNCTION", "LIST"),
    "modules": ("MODULE", "LIST"),
    "scripts' end": ("SCRIPT", "KILL"),
    "scripts forgotten": ("SCRIPT", "FLUSH", "nothing"),
    "everything gone": ("FLUSHALL", "nothing"),
    "this database gone": ("FLUSHDB", "nothing"),
    "databases swapped": ("SWAPDB", "0", "99999"),
    "another database": ("SELECT", "1"),
    "a snapshot": ("BGSAVE", "nothing"),
    "the server's end": ("SHUTDOWN", "nothing"),
    "debugging": ("DEBUG", "OBJECT", "rq:nothing"),
    "key by a serialization": ("RESTORE", "rq:nothing", "0", "x"),
    "serialization of a key": ("DUMP", "rq:nothing"),
    "another name for a key": ("RENAME", "rq:nothing", "rq:none"),
    "key by any command": ("SORT", "rq:nothing"),
    "slow log": ("SLOWLOG", "GET"),
    "latencies": ("LATENCY", "DOCTOR"),
    "memory": ("MEMORY", "DOCTOR"),
    "a key of somebody else": ("HGET", "theirs:x", "a"),
    "a key of somebody else, written": ("DEL", "theirs:x"),
    "a key of somebody else, in a script": ("EVAL", "return redis.call('HGET', 'theirs:x', 'a')", "0"),
    "names of all keys, in a script": ("EVAL", "return redis.call('KEYS', '*')", "0"),
    "a channel of somebody else": ("PUBLISH", "theirs", "x"),
    "every channel": ("PSUBSCRIBE", "*"),
}
OF_THE_OTHER: dict[str, tuple[str, ...]] = {
    WEB: ("XADD", "rq:nothing", "NOMKSTREAM", "*", "a", "b"),
    WORKER: ("SCAN", "0"),
}


@pytest.fixture(scope="module")
def server(redis_program: Path) -> Iterator[Private]:
    with closing(Private(redis_program)) as private, redis.Redis.from_url(private.url) as admin:
        install(admin)
        yield private


def called(names: tuple[str, ...]) -> set[str]:
    """By name what these scripts send, with all their parts."""
    found = {match for name in names for match in CALLED.findall(scripts.source(name))}
    return {"|".join(part.lower() for part in match if part) for match in found}


@pytest.mark.parametrize("user", USERS)
def test_the_document_names_what_is_sent_and_no_more(user: str) -> None:
    assert commands(user) == called(SCRIPTS[user]) | EVERY_SCRIPT | DIRECTLY[user]


@pytest.mark.parametrize("user", USERS)
def test_nothing_is_allowed_by_the_category(user: str) -> None:
    rules = USERS[user]
    assert rules[:2] == ["on", ">PASSWORD"]
    assert [rule for rule in rules if "@" in rule] == ["-@all"]
    assert rules.index("-@all") < min(at for at, rule in enumerate(rules) if rule.startswith("+"))
    assert {rule for rule in rules if rule[0] in "~&%"} == {"~rq:*", "&rq:pubsub:*", "&rq:pollable:changed:*"}


def test_every_script_is_somebodys() -> None:
    there = {file.name.removesuffix(".lua") for file in files(scripts).iterdir() if file.name.endswith(".lua")}
    assert there == PARTS.union(*SCRIPTS.values())


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("user", USERS)
def test_a_user_is_refused_what_it_does_not_need(server: Private, user: str, name: str) -> None:
    refused = _answer(address(server.url, user), NEVER[name])
    allowed = _answer(server.url, NEVER[name])
    if "unknown command" in allowed:
        # Redis 6.2 has no functions.
        assert "unknown command" in refused
        return
    if "DEBUG command not allowed" in refused:
        # Valkey asks whether anybody may before it asks who.
        assert refused == allowed
        return
    # The last is Valkey's.
    assert any(said in refused for said in ("no permissions", "can't access", "can't run", "No permissions")), refused
    # The control: whoever may everything is answered, if only that it makes no sense.
    assert "permission" not in allowed


@pytest.mark.parametrize("user", USERS)
def test_neither_may_what_only_the_other_needs(server: Private, user: str) -> None:
    assert "no permissions" in _answer(address(server.url, user), OF_THE_OTHER[user])
    assert "no permissions" not in _answer(server.url, OF_THE_OTHER[user])


@pytest.mark.parametrize("user", USERS)
def test_no_password_no_user(server: Private, user: str) -> None:
    for wrong in ("WRONG", "password", ""):
        url = server.url.replace("unix://", f"unix://{user}:{wrong}@")
        with redis.Redis.from_url(url) as client, pytest.raises((redis.AuthenticationError, redis.ResponseError)):
            client.execute_command("PING")


def _answer(url: str, command: tuple[str, ...]) -> str:
    client: Any
    with redis.Redis.from_url(url) as client:
        try:
            return str(client.execute_command(*command))
        except redis.RedisError as error:
            return str(error)
