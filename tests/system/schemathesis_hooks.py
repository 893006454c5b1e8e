"""What JSON Schema cannot say of a request, each with its reason: no such request counts as valid."""

import re
from itertools import count
from typing import Any

import schemathesis

# As it is described: the malformed stay as they are.
_KEY = re.compile(r'"([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-\[\]-~]{1,255}')
_keys = count()
_MOMENT = re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2}[Tt].*)")


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    # Jobs are named, or a list is narrowed.
    if case.path == "/jobs" and "id" in case.query:
        case.query = {"id": case.query["id"]}
    # A key that came before with another request is refused, and no schema knows which have come.
    if _KEY.fullmatch((case.headers or {}).get("Idempotency-Key", "")):
        case.headers["Idempotency-Key"] = f"key-{next(_keys)}"


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    return _sendable(body)


def _sendable(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            # To JSON Schema 7.0 is an integer. JavaScript never writes it, and here it is refused as a mistake.
            return int(value)
        case dict():
            # A moment further ahead than 30 days is refused, and no schema knows what time it is.
            return {name: _past(each) if name == "runAt" else _sendable(each) for name, each in value.items()}
        case list():
            return [_sendable(each) for each in value]
    return value


def _past(moment: Any) -> Any:
    return _MOMENT.sub(r"2001\1", moment) if isinstance(moment, str) else moment
