"""A primary, its replicas, and sentinels that watch them: real processes, to be killed and frozen."""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import AuthenticationError, RedisError

from pollable.cli.owned_process import OwnedProcess
from tests.system.running import free_port
from tests.worker.waiting import until

NAME = "mymaster"


class Server:
    """One process, of whichever kind."""

    def __init__(self, program: Path, directory: Path, *arguments: str) -> None:
        self.port = free_port()
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory), "--logfile", "log"]
        directory.mkdir()
        configuration = directory / "redis.conf"
        configuration.touch()
        self._process = OwnedProcess([program, configuration, *place, *arguments])
        self.client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)
        until(self._answers, within_s=20, what=f"port {self.port}")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except AuthenticationError:
            return True
        except RedisError:
            return False

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def close(self) -> None:
        self.client.close()
        with suppress(ProcessLookupError):
            self.send(signal.SIGCONT)
        self._process.stop()


class Replicated:
    """`servers[0]` is the first primary."""

    def __init__(
        self,
        program: Path,
        *,
        replicas: int = 2,
        sentinels: int = 3,
        password: str = "",
        sentinel_password: str = "",
    ) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="replicated-"))
        secret = ["--requirepass", password, "--masterauth", password] if password else []
        self._secrets = (password, sentinel_password)
        kept = ["--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0", *secret]
        self.servers = [Server(program, self._directory / "0", *kept)]
        self._log_in(self.servers[0], password)
        for number in range(1, replicas + 1):
            of = ["--replicaof", "127.0.0.1", str(self.servers[0].port)]
            self.servers.append(Server(program, self._directory / str(number), *kept, *of))
            self._log_in(self.servers[-1], password)
        until(self._has_caught_up, within_s=30, what="replicas")
        self.sentinels = [self._sentinel(program, number) for number in range(sentinels)]
        until(self._is_watched, within_s=30, what="sentinels that know each other and the replicas")

    @property
    def url(self) -> str:
        password, sentinel_password = self._secrets
        places = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        user = f":{password}@" if password else ""
        option = f"?sentinel_password={sentinel_password}" if sentinel_password else ""
        return f"redis+sentinel://{user}{places}/{NAME}/0{option}"

    def primary(self) -> Server:
        """Whom the sentinels call so."""
        ports = {self._watched(each)["port"] for each in self.sentinels}
        # While they disagree, the first one.
        return next((server for server in self.servers if ports == {server.port}), self.servers[0])

    def demote(self) -> None:
        """Have another take over."""
        self.sentinels[0].client.sentinel_failover(NAME)

    def close(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.close()
        shutil.rmtree(self._directory)

    def _sentinel(self, program: Path, number: int) -> Server:
        password, sentinel_password = self._secrets
        watch = ["--sentinel", "monitor", NAME, "127.0.0.1", str(self.servers[0].port), "2"]
        times = ["--sentinel", "down-after-milliseconds", NAME, "1000", "--sentinel", "failover-timeout", NAME, "4000"]
        secret = ["--sentinel", "auth-pass", NAME, password] if password else []
        own = ["--requirepass", sentinel_password] if sentinel_password else []
        server = Server(program, self._directory / f"s{number}", "--sentinel", *watch, *times, *secret, *own)
        self._log_in(server, sentinel_password)
        return server

    def _log_in(self, server: Server, password: str) -> None:
        if password:
            server.client = redis.Redis(port=server.port, password=password, decode_responses=True, socket_timeout=5)

    def _has_caught_up(self) -> bool:
        primary, *replicas = self.servers
        said = primary.client.info("replication")
        online = [name for name, of in said.items() if isinstance(of, dict) and of.get("state") == "online"]
        # A primary of Valkey calls one online that still loads, and confirms nothing to it.
        up = [each for each in replicas if each.client.info("replication")["master_link_status"] == "up"]
        return len(online) == len(up) == len(replicas)

    @staticmethod
    def _watched(sentinel: Server) -> dict[str, Any]:
        masters: Any = sentinel.client.sentinel_masters()
        return dict(masters[NAME])

    def _is_watched(self) -> bool:
        seen = [self._watched(each) for each in self.sentinels]
        numbers = (len(self.servers) - 1, len(self.sentinels) - 1)
        return all((each["num-slaves"], each["num-other-sentinels"]) == numbers for each in seen)
