"""The published schemas, and whether a body is what one of them says, to the order of its keys."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator


@cache
def schema(name: str) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_text())
    Draft202012Validator.check_schema(loaded)
    return loaded


def check(name: str, body: bytes) -> Any:
    """The body, decoded. Fails where it does not fit the schema, or has its keys in another order."""
    document = json.loads(body)
    Draft202012Validator(schema(name)).validate(document)
    _check_order(schema(name), document)
    return document


def _check_order(part: Mapping[str, Any], document: Any) -> None:
    properties: Mapping[str, Any] = part.get("properties", {})
    if not (properties and isinstance(document, dict)):
        return
    named = [key for key in document if key in properties]
    assert named == [key for key in properties if key in document]
    for key in named:
        if isinstance(properties[key], dict):
            _check_order(properties[key], document[key])
