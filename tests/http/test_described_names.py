"""The names of the description's schemas, which generated clients have for classes."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from pollable.catalog import JobType
from pollable.settings import ENVELOPES, Settings
from tests.http.calling import JOB_TYPES, catalog_of, job_type
from tests.http.conforming import description


def described(settings: Settings, *job_types: JobType, **changed: Any) -> dict[str, Any]:
    told = description(msgspec.structs.replace(settings, **changed), catalog_of(*job_types)).told
    schemas: dict[str, Any] = told["components"]["schemas"]
    return schemas


def struct(name: str, *, module: str = "somewhere", **fields: Any) -> Any:
    return msgspec.defstruct(name, [*fields.items()], module=module)


ROW = struct("Row", text=str)
ORDER = struct("Order", row=ROW)
EXPORT = job_type("export", payload_type=ORDER)


@pytest.mark.parametrize("on", [ENVELOPES, *((name,) for name in ENVELOPES)], ids=str)
def test_no_name_says_a_module(settings: Settings, on: tuple[str, ...]) -> None:
    one, other = struct("Row", a=int), struct("Row", module="elsewhere", b=int)
    twice = job_type("twice", payload_type=struct("Twice", a=one, b=other))
    for name in described(settings, *JOB_TYPES, twice, envelopes=on):
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]*(_[0-9a-f]{8})?", name)


def test_names_say_whose_they_are(settings: Settings) -> None:
    names = set(described(settings, EXPORT, *JOB_TYPES))
    assert {"NativeJob", "ManagedJob", "RecordJob", "MinimalJob", "AgentJob", "PlainJob"} < names
    assert {"ExportPayload", "ExportRow", "ExportResult", "NativeSubmitExport", "ManagedSubmitExport"} < names
    assert {"Problem", "ProblemJobNotFound", "ManagedRefusal", "ManagedRefusalJobNotFound", "AgentRefusal"} < names


def others() -> Iterator[Any]:
    row = struct("Row", number=int)
    yield pytest.param(job_type("anew", payload_type=struct("Order", row=row)), id="the same class names")
    yield pytest.param(job_type("native", payload_type=struct("Job", a=struct("Payload", a=int))), id="our own names")
    yield pytest.param(job_type("Problem", payload_type=struct("JobNotFound", a=int)), id="a refusal's name")
    yield pytest.param(job_type("zebra", payload_type=ROW), id="the same class")
    yield pytest.param(job_type("export_row", payload_type=int), id="a name that begins alike")


@pytest.mark.parametrize("other", list(others()))
@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
def test_names_stay_as_other_types_come_and_go(settings: Settings, other: JobType, is_first: bool) -> None:
    alone = described(settings, EXPORT)
    among = described(settings, *((other, EXPORT) if is_first else (EXPORT, other)))
    # What lists all types is about all types.
    told = {name: schema for name, schema in alone.items() if name not in ("NativeSubmit", "ManagedSubmit")}
    assert told == {name: schema for name, schema in among.items() if name in told}
    assert len(among) > len(alone)


def test_names_stay_as_envelopes_come_and_go(settings: Settings) -> None:
    own, known = "tests.envelopes.compact", described(settings, EXPORT, envelopes=("native",))
    for on in ((own, "native"), ("native", own), ENVELOPES):
        among = described(settings, EXPORT, envelopes=on)
        assert known == {name: schema for name, schema in among.items() if name in known}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("export", "import", id="two types"),
        pytest.param("ex.port", "ex_port", id="names that differ in what no name of a schema has"),
        pytest.param("export", "EXPORT", id="names that differ in capitals"),
    ],
)
def test_two_classes_of_one_name_are_two_schemas(settings: Settings, one: str, other: str) -> None:
    types = [
        job_type(one, payload_type=struct("Order", row=struct("Row", text=str))),
        job_type(other, payload_type=struct("Order", row=struct("Row", number=int))),
    ]
    schemas = described(settings, *types)
    assert schemas == described(settings, *reversed(types))
    rows = [schema for name, schema in schemas.items() if "Row" in name]
    assert sorted(next(iter(schema["properties"])) for schema in rows) == ["number", "text"]
    for each in types:
        (form,) = (
            schema
            for schema in schemas.values()
            if schema.get("properties", {}).get("type") == {"const": each.name} and "labels" in schema["properties"]
        )
        payload = schemas[form["properties"]["payload"]["$ref"].rpartition("/")[2]]
        row = schemas[payload["properties"]["row"]["$ref"].rpartition("/")[2]]
        assert [*row["properties"]] == (["text"] if each.name == one else ["number"])


def test_a_title_is_the_name(settings: Settings) -> None:
    # Generators call a class so, and take one that they met before for the same.
    for name, schema in described(settings, EXPORT, *JOB_TYPES).items():
        assert schema.get("title", name) == name
