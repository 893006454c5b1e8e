"""Which envelopes a deployment has: by name, or by the dotted path of a module of its own."""

import importlib
from collections.abc import Iterable

from pollable.envelopes.envelope import Envelope
from pollable.errors import SettingsError


def load_envelopes(names: Iterable[str]) -> dict[str, Envelope]:
    """The envelopes that are named: one of the six, or the dotted path of a module with one. Raises `SettingsError`."""
    loaded: dict[str, Envelope] = {}
    for name in names:
        envelope = _load(name)
        if envelope.name in loaded:
            raise SettingsError(f"POLLABLE_ENVELOPES names two envelopes {envelope.name!r}.")
        loaded[envelope.name] = envelope
    return loaded


def _load(name: str) -> Envelope:
    module = name if "." in name else f"{__package__}.{name}"
    try:
        envelope = getattr(importlib.import_module(module), "envelope", None)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise SettingsError(f"POLLABLE_ENVELOPES names {name!r}, which cannot be imported: {reason}") from error
    if not isinstance(envelope, Envelope):
        raise SettingsError(f"POLLABLE_ENVELOPES names {name!r}, which has no Envelope named `envelope`.")
    return envelope
