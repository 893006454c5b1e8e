"""REDIS_URL, taken apart here alone. Nothing repeats what it was given: a password may have slipped anywhere in it."""

import os.path
import re
from ipaddress import IPv6Address
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from pollable.errors import SettingsError

FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
SENTINEL_USER = ("sentinel_username", "sentinel_password")
# POLLABLE_REDIS_TLS_VERIFY says it; what agrees with it may stand.
VERIFYING = {"ssl_cert_reqs": ("required", "cert_required"), "ssl_check_hostname": ("true", "1", "yes")}

RESERVED = "has a '/', '?', '#' or '@' too many; a password has them as %2F, %3F, %23 and %40, and '%' as %25."
_PARTS = re.compile(r"((?:redis|rediss)(?:\+sentinel)?|unix)://([^/?#]*)([^?]*)\??(.*)", re.IGNORECASE | re.DOTALL)
_PLACE = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([^:]*))?")
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.(?!\Z)|\.?\Z))+")
_SERVICE = re.compile(r"/([A-Za-z0-9._-]{1,253})(/.*)?")
_OPTION = re.compile(r"(?=.{1,31}\Z)[a-z]+(?:_[a-z]+)*")


class RedisAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where Redis is, and as whom. Its text names everything but the password."""

    host: str = ""
    port: int = 6379
    path: str = ""
    """A Unix socket's; then there is no host."""
    database: int = 0
    username: str | None = None
    password: str | None = None
    has_tls: bool = False
    files: dict[str, str] = {}
    """Of certificates and keys, by redis-py's names."""
    sentinels: tuple[tuple[str, int], ...] = ()
    """Hosts and ports of those that know where the primary is; then there is neither host nor path."""
    service: str = ""
    """What the sentinels call it."""
    sentinel_username: str | None = None
    sentinel_password: str | None = None

    def arguments(self) -> dict[str, Any]:
        """What a client of redis-py is made with; without a place where sentinels say it."""
        place = {"unix_socket_path": self.path} if self.path else {"host": self.host, "port": self.port}
        place = {} if self.sentinels else place
        tls = {"ssl": True, **self.files} if self.has_tls else {}
        return {**place, "db": self.database, "username": self.username, "password": self.password, **tls}

    def __str__(self) -> str:
        # A user without a password is often a password in the wrong place.
        user = f"{quote(self.username)}@" if self.username and self.password else ""
        if self.path:
            return f"unix://{user}{quote(self.path)}?db={self.database}"
        scheme = f"redis{'s' * self.has_tls}"
        if self.sentinels:
            places = ",".join(_quoted(*each) for each in self.sentinels)
            return f"{scheme}+sentinel://{user}{places}/{self.service}/{self.database}"
        return f"{scheme}://{user}{_quoted(self.host, self.port)}/{self.database}"

    __repr__ = __str__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("url", str(self))]


def parse(url: str) -> RedisAddress:
    """Raises `SettingsError` for what redis-py would refuse, mistake for something else, or take from our settings."""
    parts = _PARTS.fullmatch(url.strip())
    if parts is None:
        _refuse(
            "must begin with redis://, rediss:// (TLS), unix:// or redis+sentinel://, as in redis://127.0.0.1:6379/0."
        )
    scheme, authority, path, query = parts[1].lower(), *parts.groups()[1:]
    if not url.strip().isprintable() or " " in url.strip():
        _refuse("has a blank or a control character in it.")
    if re.search("[@#]", path + query):
        _refuse(RESERVED)
    credentials, at, place = authority.rpartition("@")
    username, password = _credentials(credentials) if at else (None, None)
    where: dict[str, Any]
    if scheme == "unix":
        where, path = {"path": _socket(place, path)}, ""
    elif scheme.endswith("sentinel"):
        where, path = _sentinels(place, path)
    else:
        where = _host_and_port(place)
    has_tls = scheme.startswith("rediss")
    options = _options(path, query, has_tls=has_tls, of_sentinels="sentinels" in where)
    return RedisAddress(username=username, password=password, has_tls=has_tls, **where, **options)


def _quoted(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refuse(reason: str) -> NoReturn:
    raise SettingsError(f"REDIS_URL {reason}") from None


def _credentials(text: str) -> tuple[str | None, str]:
    username, colon, password = text.partition(":")
    if not colon or not (username or password):
        _refuse("has no password before its '@': write user:password@, or :password@ without a user.")
    return _decoded(username) or None, _decoded(password)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        _refuse("has a %-sequence that is no UTF-8; '%' itself is written %25.")


def _socket(place: str, path: str) -> str:
    if place or not path.strip("/"):
        _refuse("must name a socket by its whole path, with three slashes, as in unix:///run/redis.sock.")
    return _decoded(path)


def _sentinels(places: str, path: str) -> tuple[dict[str, Any], str]:
    """The fields, and what of the path is left for the database."""
    service = _SERVICE.fullmatch(path)
    if service is None:
        _refuse("must name what the sentinels watch, as in redis+sentinel://a:26379,b:26379,c:26379/mymaster/0.")
    found = [_host_and_port(place, default="26379") for place in places.split(",")]
    sentinels = tuple((each["host"], each["port"]) for each in found)
    if len(set(sentinels)) < len(sentinels):
        _refuse("names a sentinel twice.")
    return {"sentinels": sentinels, "service": service[1]}, service[2] or ""


def _host_and_port(text: str, default: str = "6379") -> dict[str, Any]:
    if "," in text:
        _refuse("names several addresses; Pollable uses one Redis, or sentinels (redis+sentinel://).")
    found = _PLACE.fullmatch(text)
    if found is None:
        _refuse("names no host: an IPv6 address stands in brackets, as in redis://[::1]:6379/0.")
    host, port = found[1], default if found[2] is None else found[2]
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        _refuse("has a port that is no number from 1 to 65535.")
    try:
        host = str(IPv6Address(host[1:-1])) if host.startswith("[") else host
    except ValueError:
        _refuse("has no IPv6 address in its brackets.")
    if ":" not in host and not _NAME.fullmatch(host):
        _refuse("names no host, or one that is no name of letters, digits, '-' and '.'.")
    return {"host": host, "port": int(port)}


def _options(path: str, query: str, *, has_tls: bool, of_sentinels: bool) -> dict[str, Any]:
    try:
        # A '+' is itself, as in the password before the '@'.
        given = parse_qsl(
            query.replace("+", "%2B"), keep_blank_values=True, strict_parsing=bool(query), errors="strict"
        )
    except ValueError:
        _refuse("has something after its '?' that is no name=value.")
    options = dict(given)
    if len(options) < len(given) or (path not in ("", "/") and "db" in options):
        _refuse("says something twice: an option, or its database after the slash and as db.")
    database = options.pop("db", path[1:] or "0")
    if not re.fullmatch("[0-9]{1,4}", database):
        _refuse("has a database that is no number from 0 to 9999.")
    user = {name: options.pop(name) for name in SENTINEL_USER if of_sentinels and name in options}
    if user and not user.get("sentinel_password"):
        _refuse("has an empty or no sentinel_password; without it the sentinels are asked as nobody.")
    for name, value in options.items():
        _check_option(name, value, has_tls=has_tls, known=(*SENTINEL_USER, *FILES) if of_sentinels else FILES)
    files = {name: options[name] for name in FILES if name in options}
    return {"database": int(database), "files": files, **user}


def _check_option(name: str, value: str, *, has_tls: bool, known: tuple[str, ...]) -> None:
    if name not in (*VERIFYING, *FILES):
        # Whatever else it is may be a secret.
        shown = f"the option {name}" if _OPTION.fullmatch(name) else "an unknown option"
        _refuse(f"has {shown}; it may have db, {', '.join(known)}: all else Pollable sets itself.")
    if not has_tls:
        _refuse(f"has {name} without TLS; that is rediss://.")
    if name in VERIFYING and value.lower() not in VERIFYING[name]:
        _refuse(f"has an {name} that accepts any certificate: set POLLABLE_REDIS_TLS_VERIFY=false instead.")
    if name in FILES and not os.path.isfile(value):  # noqa: PTH113 - a name that is too long is no file either
        _refuse(f"has {name}, which names no file.")
