"""Answers held against the description: each status, header and body must be one that its operation has."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
from jsonschema import Draft202012Validator

from pollable.app import assemble
from pollable.catalog import Catalog
from pollable.http.described.document import document
from pollable.http.described.fields import HEADERS
from pollable.settings import Settings

SENT = {name.lower() for name in HEADERS} - {"poll-after"}
UNEXPECTED = 500
"""The one status of the service itself that `default` stands for."""


class Description:
    """One deployment's document."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self._paths = sorted(told["paths"], key=lambda path: path.count("{"))
        self._patterns = {path: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in self._paths}
        self._validators: dict[int, Draft202012Validator] = {}

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.told["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def check(self, answer: httpx.Response) -> None:
        """Asserts that it is as described; what is asked of no operation is described nowhere."""
        method = "GET" if answer.request.method == "HEAD" else answer.request.method
        operation = self._operation(method, answer.request.url.path)
        if operation is None:
            return
        where = f"{operation['operationId']} {answer.status_code}"
        told = operation["responses"].get(str(answer.status_code))
        assert told or answer.status_code == UNEXPECTED, f"{where} is not described: {answer.text}"
        self._check_headers(told or {}, answer, where=where)
        if answer.request.method != "HEAD":
            self._check_body(told or operation["responses"]["default"], answer, where=where)

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        found = next((each for each in self._paths if self._patterns[each].fullmatch(path)), None)
        return None if found is None else self.told["paths"][found].get(method.lower())

    def _check_headers(self, told: dict[str, Any], answer: httpx.Response, *, where: str) -> None:
        headers = {name.lower(): self._resolved(header) for name, header in told.get("headers", {}).items()}
        missing = {name for name, header in headers.items() if header.get("required")} - set(answer.headers)
        assert not missing, f"{where} has no {missing}"
        if told:
            assert not SENT & set(answer.headers) - set(headers), f"{where} has {dict(answer.headers)}"
        for name in headers.keys() & set(answer.headers):
            value: Any = answer.headers[name]
            schema = headers[name]["schema"]
            errors = [*self._validator(schema).iter_errors(int(value) if schema["type"] == "integer" else value)]
            assert not errors, f"{where} has {name}: {value}: {errors}"

    def _check_body(self, told: dict[str, Any], answer: httpx.Response, *, where: str) -> None:
        if "content" not in told:
            assert not answer.content, f"{where} has a body"
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in told["content"], f"{where} is {media_type}"
        validator = self._validator(told["content"][media_type]["schema"])
        try:
            body = answer.json() if media_type.endswith("json") else answer.text
            errors = [*validator.iter_errors(body)]
        except RecursionError:
            # A result may be as deep as its writer's stack allowed; a description says nothing of that.
            return
        assert not errors, f"{where} is {answer.text[:300]}: {[each.message for each in errors]}"

    def _resolved(self, header: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.told["components"]["headers"][header["$ref"].rpartition("/")[2]]
        return found

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        if id(schema) not in self._validators:
            whole = {**schema, "components": self.told["components"]}
            self._validators[id(schema)] = Draft202012Validator(whole)
        return self._validators[id(schema)]


_known: dict[object, Description] = {}


def description(settings: Settings, catalog: Catalog) -> Description:
    """The same for all deployments that are described alike: to make it takes longer than most tests."""
    anywhere = msgspec.structs.replace(settings, redis_url="redis://anywhere")
    key = str(msgspec.structs.astuple(anywhere)), tuple(catalog)
    known = _known.get(key)
    if known is None:
        known = _known[key] = Description(document(assemble(settings, catalog, None)))
    return known
