"""What Redis answers in place of doing what it was asked: not now, or never for this client. One table of them all."""

import re

import msgspec
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pollable.errors import StoreFull, StoreReadOnly, StoreUnavailable


class Refusal(msgspec.Struct, frozen=True):
    """`problem` is what our own caller is refused with, in these words.

    `remedy` is what an operator must do; empty where waiting helps.
    """

    problem: type[StoreUnavailable | StoreFull]
    words: str
    remedy: str = ""


AWAY = Refusal(StoreUnavailable, "The job store does not answer; try again.")
FULL = Refusal(StoreFull, "No more jobs can be stored now; try again later.")
_READ_ONLY = Refusal(StoreReadOnly, "The job store takes no changes now; try again.")
_STRANGER = Refusal(StoreUnavailable, AWAY.words, "REDIS_URL has the user and the password that this Redis asks for")
_FORBIDDEN = Refusal(StoreUnavailable, AWAY.words, "the Redis user of REDIS_URL may do more (docs/deploying.md)")
_NO_DATABASE = Refusal(StoreUnavailable, AWAY.words, "REDIS_URL names a database that this Redis has")
_CLUSTER = Refusal(StoreUnavailable, AWAY.words, "REDIS_URL names one Redis in place of a cluster")

_BEGINNINGS = {
    AWAY: ("BUSY ", "CLUSTERDOWN ", "LOADING ", "MASTERDOWN ", "TRYAGAIN ", "UNBLOCKED ", "max number of clients"),
    FULL: ("OOM ",),
    _READ_ONLY: ("MISCONF ", "NOREPLICAS ", "READONLY "),
    _STRANGER: ("DENIED ", "NOAUTH ", "WRONGPASS ", "AUTH ", "Client sent AUTH", "Invalid Username", "invalid pass"),
    _FORBIDDEN: ("NOPERM ", "The user executing the script", "ACL failure in script"),
    _NO_DATABASE: ("DB index is out of range", "invalid DB index", "Invalid Database"),
    _CLUSTER: (
        *("ASK ", "CROSSSLOT ", "MOVED ", "SELECT is not allowed in cluster mode"),
        *("Script attempted to access a non local key", "Lua script attempted to access a non local key"),
        "Attempted to access a non local key",  # Valkey 9
    ),
}
"""How an answer begins, without what `_AROUND` takes off."""

# redis-py puts a pipeline's command before it. Redis 6.2 puts the script and its line there; Redis 7 puts them behind.
_AROUND = re.compile(r"(Command #.* of pipeline caused error: )?(Error running script.*@user_script: ?\d+: )?-?", re.S)


def refusal_of(error: BaseException) -> Refusal | None:
    """What this error of redis-py says of Redis; None where it says something else, as of a wrong command."""
    if not isinstance(error, RedisError):
        return None
    text = _AROUND.sub("", str(error), count=1)
    if error.status_code not in (None, "ERR"):
        # redis-py cuts the code off where it knows it.
        text = f"{error.status_code} {text}"
    for refusal, beginnings in _BEGINNINGS.items():
        if text.startswith(beginnings):
            return refusal
    return AWAY if isinstance(error, RedisConnectionError | RedisTimeoutError) else None


def is_away(error: BaseException) -> bool:
    """Whether Redis cannot be used now: it does not answer, or answers with a refusal of the table."""
    return refusal_of(error) is not None
