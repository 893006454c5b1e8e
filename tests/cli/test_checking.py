"""`pollable check`: what is in force, and whether the Redis is fit; each finding a line."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import redis

from pollable.catalog import load_job_types
from pollable.cli.embedded import Private
from pollable.settings import Settings
from pollable.storage.risks import announced
from pollable.storage.scripts import source
from tests.system.running import free_port, until
from tests.test_wrong_settings import pollable

JOBS = "tests.cli.checked"
LOOPBACK = {"POLLABLE_HOST": "127.0.0.1", "PORT": "0"}
FIT = {"appendonly": "yes", "maxmemory-policy": "noeviction"}


@pytest.fixture(scope="module")
def server(redis_program: Path) -> Iterator[Private]:
    private = Private(redis_program)
    yield private
    private.close()


@pytest.fixture
def client(server: Private) -> Iterator[redis.Redis]:
    """Of a Redis that is as it should be, and is so again afterwards."""
    with redis.Redis.from_url(server.url) as made:
        for name, value in FIT.items():
            made.config_set(name, value)
        yield made
        made.config_set("requirepass", "")
        made.replicaof("NO", "ONE")
        made.flushall()


def checked(url: str, **settings: str) -> tuple[int, list[str]]:
    result = pollable("check", REDIS_URL=url, **{"POLLABLE_JOBS": JOBS, **LOOPBACK, **settings})
    return result.exit_code, result.output.splitlines()


def lines_of(kind: str, lines: list[str]) -> list[str]:
    """Without the line of the server's own version, which is what the machine has."""
    told = [line.removeprefix(kind).strip() for line in lines if line.startswith(f"{kind} ")]
    return [line for line in told if "CVE-2025-49844" not in line]


def risks(lines: list[str]) -> list[str]:
    return lines_of("RISK", lines)


def is_holed(lines: list[str]) -> bool:
    return any(line.startswith("RISK") and "CVE-2025-49844" in line for line in lines)


def test_where_all_is_well_it_says_what_is_in_force(server: Private, client: redis.Redis) -> None:
    code, lines = checked(server.url, POLLABLE_AUTH="none", POLLABLE_QUEUES="a,b", POLLABLE_ENVELOPES="plain,native")
    assert (code, risks(lines)) == (is_holed(lines), [])
    assert lines[0].startswith(f"Settings   REDIS_URL={server.url}?db=0 ")
    assert "POLLABLE_AUTH=none" in lines[0]
    assert lines[1].startswith("Job types  ")
    assert "checked_rest" in lines[1]
    assert lines[2:4] == ["Envelopes  plain, native", "Queues     a, b; job types that name none go to a"]
    assert lines_of("unseen", lines) == ["no worker lives (RQ_KEY_PREFIX rq)"]
    assert len(lines) == 13
    assert client.keys("*") in ([], [b"rq:pollable:check"])


def test_programs_read_the_same_in_one_line(server: Private) -> None:
    told = pollable("check", "--json", REDIS_URL=server.url, POLLABLE_JOBS=JOBS, **LOOPBACK)
    known = json.loads(told.stdout)
    assert told.stdout.count("\n") == 1
    assert known["ok"] is (told.exit_code == 0)
    assert known["settings"]["REDIS_URL"] == f"{server.url}?db=0"
    assert "checked_rest" in known["jobTypes"]
    _, lines = checked(server.url)
    assert [f"{each['kind']:<10} {each['text']}" for each in known["findings"]] == lines[4:]


NOTHING_ON_DISK = (
    "nothing is on disk (appendonly no, no save points): when Redis ends, every job is lost; set appendonly yes"
)
EVICTING = [
    ("allkeys-lru", "throws jobs away, accepted ones too, which then read 404"),
    (
        "volatile-ttl",
        "drops what has a time to live: ended jobs read 404 or 410 early, owners' lists and idempotency keys go",
    ),
]


@pytest.mark.parametrize(("policy", "lost"), EVICTING, ids=[policy for policy, _ in EVICTING])
def test_a_policy_that_may_lose_jobs_is_a_risk(server: Private, client: redis.Redis, policy: str, lost: str) -> None:
    client.config_set("maxmemory-policy", policy)
    code, lines = checked(server.url)
    said = f"maxmemory-policy {policy}: a full Redis {lost}; set maxmemory-policy noeviction"
    assert (code, risks(lines)) == (1, [said])


def test_a_redis_that_keeps_nothing_is_a_risk(server: Private, client: redis.Redis) -> None:
    client.config_set("appendonly", "no")
    client.config_set("save", "")
    code, lines = checked(server.url)
    assert (code, risks(lines)) == (1, [NOTHING_ON_DISK])


def test_what_is_accepted_is_shown_and_is_no_failure(server: Private, client: redis.Redis) -> None:
    client.config_set("appendonly", "no")
    client.config_set("save", "")
    code, lines = checked(server.url, POLLABLE_REDIS_RISKS="accepted")
    assert (code, risks(lines), lines_of("accepted", lines)) == (0, [], [NOTHING_ON_DISK])


def test_what_redis_does_not_show_is_told_and_is_no_failure(server: Private, client: redis.Redis) -> None:
    client.acl_setuser(
        "shy", enabled=True, passwords=["+hunter2"], keys=["*"], categories=["+@all"], commands=["-info", "-config"]
    )
    code, lines = checked(server.url.replace("unix://", "unix://shy:hunter2@"))
    assert (code, risks(lines)) == (0, [])
    assert len(lines_of("unseen", lines)) == 7


def announce(client: redis.Redis, *types: str, prefix: str = "rq", queues: Sequence[str] = Settings().queues) -> None:
    arguments = [f"{prefix}:pollable:", f"{prefix}:", " ".join(types), *queues]
    client.register_script(source("announce"))(args=arguments)


def test_workers_that_agree_are_well(server: Private, client: redis.Redis) -> None:
    announce(client, *announced(load_job_types([JOBS])))
    _, lines = checked(server.url)
    assert "living workers agree with this (RQ_KEY_PREFIX rq)" in lines_of("ok", lines)
    assert risks(lines) == []


def test_workers_of_other_code_and_other_queues_are_told(server: Private, client: redis.Redis) -> None:
    announce(client, "checked_rest=0123456789abcdef", queues=["pollable", "urgent"])
    code, lines = checked(server.url)
    assert code == 1
    assert risks(lines) == [
        "workers listen on urgent, where this process sends nothing; give web and workers the same POLLABLE_QUEUES",
        "workers take another payload for checked_rest; run the same code in web and workers",
    ]


def test_workers_under_another_prefix_are_told_where_there_are_none_under_ours(
    server: Private, client: redis.Redis
) -> None:
    announce(client, "checked_rest=0123456789abcdef", prefix="other")
    said = "no worker lives under RQ_KEY_PREFIX rq, yet there were some under other; give web and workers the same"
    code, lines = checked(server.url)
    assert (code, risks(lines)) == (1, [said])
    announce(client, *announced(load_job_types([JOBS])))
    assert risks(checked(server.url)[1]) == []


def test_a_replica_is_told(server: Private, client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "1")
    code, lines = checked(server.url)
    refused, role = risks(lines)
    assert code == 1
    assert refused.startswith("it refuses what the service writes: ")
    assert role.startswith("its role is slave; jobs need a primary; name the primary")


@pytest.mark.parametrize("credentials", ["", ":hunter3@", "user:hunter3@"], ids=["none", "wrong", "unknown user"])
def test_a_password_that_is_refused_is_not_repeated(server: Private, client: redis.Redis, credentials: str) -> None:
    client.config_set("requirepass", "hunter2")
    code, lines = checked(server.url.replace("unix://", f"unix://{credentials}"))
    assert code == 1
    assert "cannot be reached: " in risks(lines)[0]
    assert "hunter" not in "".join(lines)


def test_the_right_password_is_not_shown(server: Private, client: redis.Redis) -> None:
    client.config_set("requirepass", "hunter2")
    code, lines = checked(server.url.replace("unix://", "unix://:hunter2@"))
    assert (code, risks(lines)) == (is_holed(lines), [])
    assert "hunter" not in "".join(lines)


def test_a_database_that_there_is_not_is_told(server: Private, client: redis.Redis) -> None:
    assert client.ping()
    code, lines = checked(f"{server.url}?db=99")
    assert code == 1
    assert "out of range" in risks(lines)[0]


def test_nobody_at_the_address_is_told() -> None:
    port = free_port()
    code, lines = checked(f"redis://:hunter2@127.0.0.1:{port}")
    assert code == 1
    assert len(risks(lines)) == 1
    assert risks(lines)[0].startswith(f"redis://127.0.0.1:{port}/0 cannot be reached: ")
    assert "hunter2" not in "".join(lines)


def test_a_port_that_is_taken_is_no_wrong_setting(server: Private, client: redis.Redis) -> None:
    assert client.ping()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, lines = checked(server.url, PORT=str(port))
    assert code == 1
    assert risks(lines) == [
        f"The web process cannot listen on 127.0.0.1:{port} (POLLABLE_HOST, PORT): Address already in use."
    ]


def test_a_cluster_is_told(redis_program: Path, tmp_path: Path) -> None:
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--appendonly", "yes"]
    with subprocess.Popen([redis_program, *options, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: "cannot be reached" not in str(checked(f"redis://127.0.0.1:{port}")))
            code, lines = checked(f"redis://127.0.0.1:{port}")
        finally:
            process.terminate()
    assert code == 1
    assert "it is a cluster; scripts need one Redis; use a Redis with cluster mode off" in risks(lines)


def test_the_guide_shows_what_is_printed(client: redis.Redis, server: Private) -> None:
    client.config_set("appendonly", "no")
    client.config_set("save", "")
    _, told = checked(server.url, POLLABLE_AUTH="tokens")
    guide = (Path(__file__).parents[2] / "docs" / "deploying.md").read_text()
    (shown,) = re.findall(r"^(Settings  .*?)```", guide, re.MULTILINE | re.DOTALL)
    known = {server.url: "redis://pollable-web@redis.example:6379/0", JOBS: "myapp.jobs", "checked_rest": "print_order"}
    text = "\n".join(line for line in told if not is_about_holes(line))
    # Whatever else this process of the tests has loaded.
    text = re.sub(r"^Job types .*", "Job types  checked_rest", text, flags=re.MULTILINE)
    for own, other in known.items():
        text = re.sub(rf"{re.escape(own)}(\?db=0)?", other, text)
    text = (
        re.sub(r"version [\d.]+", "version 7.2.11", text).replace(" PORT=0", "").replace(" POLLABLE_HOST=127.0.0.1", "")
    )
    assert text.splitlines() == [line for line in shown.splitlines() if not is_about_holes(line)]


def is_about_holes(line: str) -> bool:
    """The server's own version decides which of the two lines it is."""
    return "has no known hole" in line or "CVE-2025-49844" in line
