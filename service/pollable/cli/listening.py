"""Where the web process listens: sockets that are bound, then listened on, then closed to newcomers."""

import contextlib
import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pollable.errors import SettingsError
from pollable.settings import Settings
from pollable.settings.limits import Limits

BACKLOG = 2048
_SO_ATTACH_FILTER = 26
# Classic BPF, each (code, jump if true, jump if false, operand): load byte 13 of the TCP header, its flags; of a packet
# with SYN keep nothing; of all others keep everything.
_NO_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class Taken(SettingsError):
    """Somebody listens on the port already; where that is the service itself, all else is well."""


@contextlib.contextmanager
def bound(settings: Settings) -> Iterator[list[socket.socket]]:
    """The sockets of the settings' host and port; nobody can connect yet. Raises `Taken` and other `SettingsError`."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(each) for each in _sockets(settings)]


def listen(sockets: Sequence[socket.socket]) -> None:
    """Let callers connect; who does waits until a process accepts. Raises `Taken`."""
    for each in sockets:
        host, port, *_ = each.getsockname()
        # Its connections inherit it. A stream says too little to a peer that was unplugged for its buffer to fill.
        if sys.platform == "linux":
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(Limits().unread_s * 1000))
        try:
            each.listen(BACKLOG)
        except OSError as error:
            # Two that start at the same moment can both bind.
            raise _refusal(f"{quoted(host)}:{port}", error) from None


def turn_away(sockets: Sequence[socket.socket]) -> None:
    """Let nobody begin to connect any more, while whoever has is still accepted (Linux; elsewhere it does nothing).

    Closing a socket resets those who connected since it last accepted. A caller whose first packet is dropped instead
    sends it again a second later, and finds the port closed or somebody else's.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in _NO_SYN))
    for each in sockets:
        # Where the kernel does not take it, a caller in ten thousand may be reset.
        with contextlib.suppress(OSError):
            each.setsockopt(
                socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
            )


def _sockets(settings: Settings) -> list[socket.socket]:
    places = _places(settings)
    sockets: list[socket.socket] = []
    reason: OSError | None = None
    for family, address in places:
        try:
            sockets.append(_socket(family, address, is_alone=len(places) == 1))
        except OSError as error:
            reason = error
            # `localhost` is ::1 too, also where there is no IPv6.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                sockets = []
                break
    if not sockets:
        raise _refusal(f"{quoted(settings.host)}:{settings.port}", reason)
    return sockets


def _refusal(where: str, reason: OSError | None) -> SettingsError:
    kind = Taken if reason is not None and reason.errno == errno.EADDRINUSE else SettingsError
    return kind(f"The web process cannot listen on {where} (POLLABLE_HOST, PORT): {_why(reason)}.")


def _places(settings: Settings) -> list[tuple[int, Any]]:
    try:
        found = socket.getaddrinfo(
            settings.host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"POLLABLE_HOST={settings.host!r} is no address of this machine: {_why(error)}.") from None
    places = list(dict.fromkeys((int(family), address) for family, _, _, _, address in found))
    # Each would be given another port.
    return places if settings.port else places[:1]


def _socket(family: int, address: Any, *, is_alone: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and not is_alone:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.set_inheritable(True)
    except OSError:
        made.close()
        raise
    return made


def _why(error: Exception | None) -> str:
    return str(getattr(error, "strerror", None) or error)


def quoted(host: str) -> str:
    """The host as an address with a port has it."""
    return f"[{host}]" if ":" in host else host
