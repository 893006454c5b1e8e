"""What a Redis says of itself, and which of it may cost accepted jobs."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import redis
import redis.asyncio

from pollable.cli.embedded import Private
from pollable.settings import Settings
from pollable.storage import risks
from pollable.storage.risks import Finding, Staffing, announced, disagreements, findings
from tests.http.calling import Text, job_type

WELL: dict[str, Any] = {
    **{"redis_version": "7.4.6", "redis_mode": "standalone", "role": "master", "aof_enabled": 1},
    **{"cluster_enabled": 0, "maxmemory_policy": "noeviction"},
}
WORDS = ["version", "scripts", "cluster", "replica", "persistence", "eviction"]


def risks_of(**differing: Any) -> dict[str, Finding]:
    return {each.word: each for each in findings({**WELL, **differing}) if each.kind == "risk"}


def test_where_all_is_well_each_rule_says_so() -> None:
    found = findings(WELL)
    assert [each.word for each in found] == WORDS
    assert {each.kind for each in found} == {"ok"}
    assert [each.remedy for each in found] == [""] * len(WORDS)


@pytest.mark.parametrize("missing", sorted({"redis_version", "role", "aof_enabled", "cluster_enabled"}))
def test_what_cannot_be_seen_is_no_risk_and_is_told(missing: str) -> None:
    found = findings({name: value for name, value in WELL.items() if name != missing})
    unseen = [each for each in found if each.kind == "unseen"]
    assert unseen
    assert all(missing in each.text for each in unseen)
    assert [each for each in found if each.kind == "risk"] == []


def test_a_redis_that_says_nothing_has_no_risks() -> None:
    assert [each.kind for each in findings({})] == ["unseen"] * len(WORDS)


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("6.2.20", False),
        (6.2, False),
        ("7.4.6", False),
        ("10.0.1", False),
        ("6.0.16", True),
        ("5.0.7", True),
        ("", True),
    ],
    ids=str,
)
def test_the_oldest_that_will_do_is_6_2(version: object, is_old: bool) -> None:
    assert ("version" in risks_of(redis_version=version)) == is_old


SAFE = ["6.2.20", "6.2.24", "7.2.11", "7.4.6", "8.0.4", "8.2.2", "8.4.0", "8.10.1", "9.0.0"]
HOLED = ["6.0.20", "6.2.19", "7.0.15", "7.1.0", "7.2.10", "7.4.5", "8.0.3", "8.2.1", "6.2"]


@pytest.mark.parametrize("version", SAFE)
def test_a_redis_whose_scripts_were_mended_is_no_risk(version: str) -> None:
    assert risks_of(redis_version=version) == {}


@pytest.mark.parametrize("version", HOLED)
def test_a_redis_with_a_known_hole_in_its_scripts_is_told_with_the_version_that_has_none(version: str) -> None:
    found = risks_of(redis_version=version)["scripts"]
    assert found.text == f"Redis {version} lets a script run code of its own (CVE-2025-49844 and others)"
    assert "6.2.20, 7.2.11, 7.4.6, 8.0.4, 8.2.2" in found.remedy


@pytest.mark.parametrize(
    ("version", "is_risk"),
    [
        ("7.2.10", True),
        ("7.2.11", False),
        ("8.0.5", True),
        ("8.0.6", False),
        ("8.1.3", True),
        ("8.1.4", False),
        ("9.0.0", False),
    ],
)
def test_valkey_is_judged_by_its_own_version(version: str, is_risk: bool) -> None:
    found = risks_of(redis_version="7.2.4", server_name="valkey", valkey_version=version)
    assert ("scripts" in found) == is_risk
    assert "version" not in found
    if is_risk:
        assert found["scripts"].text.startswith(f"Valkey {version} lets")


POLICIES = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-ttl"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_that_may_drop_our_keys_is_told(policy: str) -> None:
    found = risks_of(maxmemory_policy=policy)["eviction"]
    assert found.text.startswith(f"maxmemory-policy {policy}: a full Redis ")
    assert ("accepted ones too" in found.text) == policy.startswith("allkeys")
    assert ("ended jobs read 404 or 410 early" in found.text) == policy.startswith("volatile")
    assert found.remedy == "set maxmemory-policy noeviction"


@pytest.mark.parametrize(
    ("save", "lost"),
    [
        ({"save": ""}, "every job is lost"),
        ({"save": "3600 1 300 100"}, "the jobs of the minutes"),
        ({}, "the jobs of the minutes"),
    ],
    ids=["none", "snapshots", "unseen"],
)
def test_a_redis_without_an_append_only_file_is_told(save: dict[str, str], lost: str) -> None:
    found = risks_of(aof_enabled=0, **save)["persistence"]
    assert lost in found.text
    assert found.remedy == "set appendonly yes"


@pytest.mark.parametrize(("field", "value", "word"), [("role", "slave", "replica"), ("cluster_enabled", 1, "cluster")])
def test_what_cannot_work_is_told(field: str, value: object, word: str) -> None:
    assert list(risks_of(**{field: value})) == [word]


class Longer(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=2)]
    questions: int = 5


OURS = announced([job_type("a"), job_type("b")])


def staffing(*types: str, queues: tuple[str, ...] = ()) -> Staffing:
    return Staffing(known={}, waiting={}, queues={"pollable", *queues}, announced=set(types))


def test_workers_with_the_same_code_and_queues_agree() -> None:
    assert disagreements(staffing(*OURS), Settings(), OURS) == []
    assert disagreements(staffing(), Settings(), OURS) == []


def test_the_same_schema_has_the_same_digest_and_another_another() -> None:
    assert announced([job_type("a", payload_type=Text)]) == announced([job_type("a")])
    assert announced([job_type("a", payload_type=Longer)]) != announced([job_type("a")])


@pytest.mark.parametrize("together", [True, False], ids=["beside workers that agree", "alone"])
def test_a_worker_that_takes_another_payload_is_told(together: bool) -> None:
    theirs = announced([job_type("a", payload_type=Longer), job_type("c")])
    (found,) = disagreements(staffing(*theirs, *(OURS if together else ())), Settings(), OURS)
    assert (found.word, found.text) == ("catalog", "workers take another payload for a")


def test_a_worker_on_other_queues_is_told() -> None:
    (found,) = disagreements(staffing(queues=("urgent", "slow")), Settings(), [])
    assert (found.word, found.text) == ("queues", "workers listen on slow, urgent, where this process sends nothing")


@pytest.fixture
def server(redis_program: Path) -> Iterator[Private]:
    private = Private(redis_program)
    yield private
    private.close()


def test_a_user_who_may_ask_for_nothing_sees_nothing(server: Private) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "shy", "on", ">secret", "~*", "+@all", "-info", "-config")
    with redis.Redis.from_url(server.url, username="shy", password="secret") as shy:
        assert [each.kind for each in risks.look(shy)] == ["unseen"] * len(WORDS)


def test_both_clients_see_the_same(server: Private) -> None:
    async def look() -> list[Finding]:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            return await risks.look_async(client)

    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "volatile-lru")
        found = risks.look(client)
    assert asyncio.run(look()) == found
    told = {each.word for each in found if each.kind == "risk"}
    assert {"eviction", "persistence"} <= told <= {"eviction", "persistence", "scripts"}
    assert "every job is lost" in next(each.text for each in found if each.word == "persistence")


@pytest.mark.parametrize("redis_risks", ["told", "accepted"])
def test_each_is_logged_once_unless_accepted(
    server: Private, caplog: pytest.LogCaptureFixture, redis_risks: Any
) -> None:
    settings = Settings(redis_url=server.url, redis_risks=redis_risks)
    with redis.Redis.from_url(server.url) as client, caplog.at_level(logging.WARNING, "pollable.redis"):
        risks.tell(client, settings, threading.Event())
        expected = [each for each in risks.look(client) if each.kind == "risk" and redis_risks == "told"]
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(";")[0] for line in said] == [each.text for each in expected]
    assert all("POLLABLE_REDIS_RISKS=accepted" in line for line in said)
    assert len(said) >= (redis_risks == "told")


def test_a_redis_that_is_away_at_the_start_is_told_of_later(
    redis_program: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(risks, "AGAIN_S", 0.1)
    private = Private(redis_program)
    settings = Settings(redis_url=private.url)

    async def tell() -> None:
        async with redis.asyncio.Redis.from_url(private.url) as client:
            await client.config_set("requirepass", "secret")
            async with redis.asyncio.Redis.from_url(private.url) as unknown:
                telling = asyncio.create_task(risks.tell_async(unknown, settings, asyncio.Event()))
                await asyncio.sleep(0.3)
                assert not telling.done()
                await client.config_set("requirepass", "")
                await asyncio.wait_for(telling, 20)

    with caplog.at_level(logging.WARNING, "pollable.redis"):
        asyncio.run(tell())
    private.close()
    assert any(
        "appendonly no" in record.getMessage() or "nothing is on disk" in record.getMessage()
        for record in caplog.records
    )
