"""What stands in front of the service: its names, the prefix that a proxy strips, whose word and whose pages count."""

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pollable.errors import SettingsError

UNIX = "unix"
"""Names, among trusted proxies, whoever connects through a Unix socket."""

# RFC 3986, section 3.3: segments of pchar, none empty, and no control character in disguise.
_PREFIX = re.compile(
    r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]|[89A-Fa-f][0-9A-Fa-f]))+)+"
)
_DOTS = re.compile(r"/(?:\.|%2[Ee]){1,2}(?:/|$)")
_LONGEST_PREFIX = 256
# As a browser writes it (RFC 6454, section 6.1): no path, and no port that is the scheme's own.
_ORIGIN = re.compile(r"(https?)://([^/:\[\]@?#]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_OWN_PORTS = {"http": "80", "https": "443"}
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_-]{1,63})*")


def normal_prefix(text: str) -> str | None:
    """`/some/path`, or empty, with or without a slash at either end; None for what begins no path of this host."""
    path = "/" + text.removeprefix("/").removesuffix("/")
    if path == "/":
        return ""
    if len(path) > _LONGEST_PREFIX or not _PREFIX.fullmatch(path) or _DOTS.search(path):
        return None
    return path


def network(name: str) -> IPv4Network | IPv6Network:
    """The addresses of a trusted proxy. Raises `SettingsError`."""
    try:
        found = ip_network(name)
    except ValueError as error:
        raise SettingsError(
            f"POLLABLE_TRUSTED_PROXIES names {name!r}: {error}. Write addresses such as 10.1.2.3, networks such as "
            f"10.0.0.0/8, or {UNIX} for a Unix socket."
        ) from None
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is not None and found.prefixlen >= 96:
        found = ip_network((int(mapped), found.prefixlen - 96))
    if found.prefixlen == 0:
        raise SettingsError(f"POLLABLE_TRUSTED_PROXIES names {name}, which is everyone; name the proxies' own network.")
    return found


def checked_prefix(text: str) -> str:
    """`/some/path`, or empty. Raises `SettingsError`."""
    path = normal_prefix(text)
    if path is None:
        raise SettingsError(
            f"POLLABLE_PATH_PREFIX={text!r} does not fit; it is a path such as /pollable or /api/jobs: at most "
            f"{_LONGEST_PREFIX} characters of a URL's path, no host, no `//`, no `.` or `..` between slashes."
        )
    return path


def normal_host(text: str) -> str | None:
    """A host's name in small letters, or its address as it is usually written; None for what is neither."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ip_address(bare)
    except ValueError:
        name = text.lower()
        return name if _NAME.fullmatch(name) and not name.replace(".", "").isdigit() else None
    if bare != text and not isinstance(address, IPv6Address):
        return None
    return str((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address)


def is_loopback(host: str) -> bool:
    """Whether the host of that name, as `normal_host` gives it, is reached by programs of this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def checked_host(text: str) -> str:
    """The host, or `*`. Raises `SettingsError`."""
    host = "*" if text == "*" else normal_host(text)
    if host is None:
        raise SettingsError(
            f"POLLABLE_HOSTS names {text!r}; write names such as jobs.example.com and addresses such as 10.1.2.3, "
            "without scheme, port or path, or * for any."
        )
    return host


def checked_origin(text: str) -> str:
    """The origin as browsers write it, or `*`. Raises `SettingsError`."""
    found = _ORIGIN.fullmatch(text.lower())
    if text != "*" and (found is None or normal_host(found[2]) is None or int(found[3] or 0) > 65_535):
        raise SettingsError(
            f"POLLABLE_CORS_ORIGINS names {text!r}; write origins such as https://app.example.com or "
            "http://localhost:5173, without a path or a slash at the end, or * for any."
        )
    if found is None:
        return text
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != _OWN_PORTS[scheme] else "")
