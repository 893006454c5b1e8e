"""Every way in which a real Redis says no: each holds for the length of a block."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from chaos.durable import DurableRedis
from chaos.waiting import until

NOBODY = ("127.0.0.1", 1)
FILLER = 8_000
"""Keys that make a start slow enough to be noticed."""


@contextmanager
def no_replicas(redis: DurableRedis) -> Iterator[None]:
    """NOREPLICAS: fewer replicas than it must have."""
    redis.configure(min_replicas_to_write=1)
    yield
    redis.configure(min_replicas_to_write=0)


@contextmanager
def out_of_memory(redis: DurableRedis) -> Iterator[None]:
    """OOM: the memory limit is reached."""
    redis.configure(maxmemory=1)
    yield
    redis.configure(maxmemory=0)


@contextmanager
def misconfigured(redis: DurableRedis) -> Iterator[None]:
    """MISCONF: the last snapshot failed, since a directory has its name."""
    obstacle = redis.directory / "dump.rdb"
    obstacle.mkdir(exist_ok=True)
    redis.configure(save="3600 1")
    redis.admin.bgsave()
    until(lambda: redis.info("rdb_last_bgsave_status") == "err", within_s=20, what="a snapshot that fails")
    yield
    redis.configure(save="")
    obstacle.rmdir()


@contextmanager
def read_only(redis: DurableRedis) -> Iterator[None]:
    """READONLY: a replica, of nobody."""
    redis.admin.replicaof(*NOBODY)
    yield
    redis.admin.replicaof("NO", "ONE")


@contextmanager
def busy(redis: DurableRedis) -> Iterator[None]:
    """BUSY: somebody's script does not end."""
    redis.configure(lua_time_limit=50)
    stuck = Redis.from_url(redis.url, socket_timeout=600)

    def loop() -> None:
        with suppress(RedisError):
            stuck.eval("while true do end", 0)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    yield
    until(lambda: _killed(redis), within_s=20, what="the end of the script", every_s=0.1)
    thread.join()
    stuck.close()


@contextmanager
def full_of_clients(redis: DurableRedis) -> Iterator[None]:
    """Max clients: who is connected is thrown out, and nobody else is let in."""
    redis.configure(maxclients=1)
    redis.admin.client_kill_filter(_type="normal", skipme=True)
    yield
    redis.configure(maxclients=10_000)


@contextmanager
def loading(redis: DurableRedis) -> Iterator[None]:
    """LOADING: it was killed, and reads what it has, slowly. Ends by itself."""
    with redis.admin.pipeline(transaction=False) as pipeline:
        for number in range(FILLER):
            pipeline.set(f"filler:{number}", "", ex=3600)
        pipeline.execute()
    redis.kill()
    redis.start("--key-load-delay", "150")
    redis.configure(key_load_delay=0)
    yield


def _killed(redis: DurableRedis) -> bool:
    try:
        redis.admin.script_kill()
    except RedisError as error:
        return "NOTBUSY" in str(error).upper() or "No scripts" in str(error)
    return False


ALL: dict[str, Callable[[DurableRedis], AbstractContextManager[None]]] = {
    "NOREPLICAS": no_replicas,
    "OOM": out_of_memory,
    "MISCONF": misconfigured,
    "READONLY": read_only,
    "LOADING": loading,
    "BUSY": busy,
    "max clients": full_of_clients,
}


def hold(redis: DurableRedis, name: str, seconds: float) -> float:
    """For so long, or as long as it takes, it says no in that way; the seconds that it was."""
    began_at = time.monotonic()
    with ALL[name](redis):
        time.sleep(seconds)
    return time.monotonic() - began_at
