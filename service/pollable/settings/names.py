"""The names of the environment that are ours: which start with POLLABLE_, yet were put there by Kubernetes."""

import difflib
import re
from collections.abc import Collection, Mapping

from pollable.errors import SettingsError

PREFIX = "POLLABLE_"

# What Kubernetes tells every container of a Service named `pollable` or `pollable-web`, as Docker's links once did.
_SERVICE = re.compile(
    r"POLLABLE(?:_[A-Z0-9_]+)?_"
    r"(?:SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S+")


def refuse_unknown(environ: Mapping[str, str], known: Collection[str]) -> None:
    """Raises `SettingsError` for a name that is meant for us and no setting, with the nearest one."""
    for name, value in environ.items():
        if name.startswith(PREFIX) and name not in known and not _is_of_kubernetes(name, value):
            raise SettingsError(
                f"There is no setting {name}; the nearest known name is {_nearest_setting(name, known)}."
            )


def nearest(name: str, known: Collection[str]) -> str:
    """The name that a misspelt one was most likely meant to be."""
    by_word = {each.casefold(): each for each in known}
    return by_word[difflib.get_close_matches(name.casefold(), by_word, n=1, cutoff=0.0)[0]]


def _nearest_setting(name: str, known: Collection[str]) -> str:
    # Without what all begin with: it would make any two look alike.
    by_rest = {each.removeprefix(PREFIX): each for each in known}
    return by_rest[nearest(name.removeprefix(PREFIX), by_rest)]


def _is_of_kubernetes(name: str, value: str) -> bool:
    if name.endswith("_PORT") and _SERVICE_ADDRESS.fullmatch(value):
        return True
    return _SERVICE.fullmatch(name) is not None
