"""A Redis of the test's own that answers no, in each of the ways that a real server has."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from pollable.cli.owned_process import OwnedProcess
from tests.worker.waiting import until

NOWHERE = ("127.0.0.1", 1)


class ContraryRedis:
    """A server that says no while a `with contrary.saying("READONLY")` lasts."""

    def __init__(self, program: Path, *options: str) -> None:
        self._program = program
        # Short, since a socket's path may have a hundred bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="contrary-"))
        self._options = options
        self.url = f"unix://{self.directory / 'redis.sock'}"
        self.start()

    def start(self, *options: str) -> None:
        command: list[str | Path] = [self._program, "--port", "0", "--unixsocket", self.directory / "redis.sock"]
        command += ["--dir", self.directory, "--logfile", "redis.log", "--save", "", *self._options, *options]
        self._server = OwnedProcess(command)
        self.admin = self.client()
        until(lambda: _is_there(self.admin), within_s=20, what="Redis")

    def stop(self) -> None:
        self.admin.close()
        self._server.stop()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.directory)

    def client(self, **options: Any) -> Redis:
        """One that tries once, so that what Redis said is what is seen."""
        path = str(self.directory / "redis.sock")
        return Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0), socket_timeout=5, **options)

    @contextmanager
    def saying(self, no: str) -> Iterator[None]:
        begin, end = self._ways()[no]
        begin()
        try:
            yield
        finally:
            end()

    def fill(self, *, headroom_bytes: int) -> None:
        """Set the limit of memory to what is used, and as much more (or less)."""
        self.set(maxmemory=int(self.admin.info("memory")["used_memory"]) + headroom_bytes)

    def set(self, **options: Any) -> None:
        for name, value in options.items():
            self.admin.config_set(name.replace("_", "-"), value)

    def _ways(self) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
        return {
            "NOREPLICAS": (lambda: self.set(min_replicas_to_write=1), lambda: self.set(min_replicas_to_write=0)),
            "READONLY": (lambda: self.admin.replicaof(*NOWHERE), lambda: self.admin.replicaof("NO", "ONE")),
            "MASTERDOWN": (self._lose_master, self._end_masterdown),
            "OOM": (lambda: self.set(maxmemory=1), lambda: self.set(maxmemory=0)),
            "MISCONF": (self._break_disk, self._mend_disk),
            "BUSY": (self._loop, self._end_loop),
            "NOPERM": (self._forbid, lambda: self.admin.acl_setuser("default", enabled=True, commands=["+@all"])),
            "max number of clients": (lambda: self.set(maxclients=1), lambda: self.set(maxclients=1000)),
            "NOAUTH": (lambda: self.set(requirepass="secret"), lambda: self.set(requirepass="")),
        }

    def _lose_master(self) -> None:
        self.set(replica_serve_stale_data="no")
        self.admin.replicaof(*NOWHERE)

    def _end_masterdown(self) -> None:
        self.admin.replicaof("NO", "ONE")
        self.set(replica_serve_stale_data="yes")

    def _break_disk(self) -> None:
        (self.directory / "dump.rdb").mkdir(exist_ok=True)
        self.set(save="3600 100000")
        self.admin.bgsave()
        until(self._has_failed_to_save, within_s=20, what="MISCONF")

    def _has_failed_to_save(self) -> bool:
        told = self.admin.info("persistence")
        return (told["rdb_bgsave_in_progress"], told["rdb_last_bgsave_status"]) == (0, "err")

    def _mend_disk(self) -> None:
        self.set(save="")
        (self.directory / "dump.rdb").rmdir()

    def _loop(self) -> None:
        self.set(lua_time_limit=10)

        def loop() -> None:
            with suppress(RedisError), self.client(socket_connect_timeout=5) as client:
                client.eval("while true do end", 0)

        self._looping = threading.Thread(target=loop)
        self._looping.start()
        until(lambda: "BUSY" in _said(self.admin), within_s=20, what="BUSY")

    def _end_loop(self) -> None:
        self.admin.script_kill()
        self._looping.join()
        # A busy machine can hold up any script for a while.
        self.set(lua_time_limit=5000)

    def _forbid(self) -> None:
        # Whoever is called "admin" may still take it back.
        self.admin.acl_setuser("admin", enabled=True, nopass=True, commands=["+@all"], keys=["*"])
        self.admin.auth("any", "admin")
        self.admin.acl_setuser("default", enabled=True, commands=["-@write", "-hset"])


def _is_there(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError as error:
        return "loading" in str(error)


def _said(client: Redis) -> str:
    try:
        return str(client.get("any"))
    except RedisError as error:
        return str(error)
