"""From the text of a variable to its value; what a refusal says of the values that there are."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pollable.errors import SettingsError
from pollable.settings.names import nearest


def parsed(variable: str, text: str, hint: Any) -> Any:
    """The value that the text means. Raises `SettingsError` with what it may be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{variable} is no UTF-8.") from None
    value = listed(variable, text) if is_list(hint) else text.strip()
    try:
        return msgspec.convert(value, type=hint, strict=False)
    except msgspec.ValidationError:
        may_be = _may_be(hint, value)
        raise SettingsError(f"{variable}={text!r} does not fit: it is {may_be}.") from None


def is_list(hint: Any) -> bool:
    """Whether a setting of this type holds several values."""
    return "tuple[" in str(hint)


def listed(source: str, text: str) -> list[str]:
    """The parts between commas; a comma at the end is none. Raises `SettingsError`."""
    names = [part.strip() for part in text.split(",")]
    if not names[-1]:
        names.pop()
    if "" in names:
        raise SettingsError(f"{source}={text!r} has an empty entry.")
    return names


def require_distinct(source: str, names: Sequence[str]) -> None:
    """Raises `SettingsError` for a name that stands there twice."""
    for at, name in enumerate(names):
        if name in names[:at]:
            raise SettingsError(f"{source} names {name!r} twice.")


def _may_be(hint: Any, value: object) -> str:
    # Imported for a refusal alone: it would make every start slower.
    from msgspec import inspect

    kind: Any = inspect.type_info(hint)
    while not isinstance(kind, inspect.LiteralType | inspect.BoolType | inspect.IntType | inspect.FloatType):
        # Annotated, a list, or several types, of which the first says what is usual.
        kind = getattr(kind, "type", None) or getattr(kind, "item_type", None) or kind.types[0]
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.LiteralType):
        words = [str(word) for word in kind.values]
        wrong = str(next((each for each in value if each not in words), value) if isinstance(value, list) else value)
        return f"{', '.join(words[:-1])} or {words[-1]}; the nearest to {wrong!r} is {nearest(wrong, words)}"
    number = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    return f"{number} from {kind.ge} to {kind.le}"
