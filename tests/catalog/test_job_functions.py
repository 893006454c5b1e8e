"""The function of a job type: what it may look like, and the one line that says what is wrong with it."""

import dataclasses
import datetime
import decimal
import enum
import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest

from pollable import catalog, job_type
from pollable.catalog import Catalog
from pollable.errors import SettingsError


class Model(pydantic.BaseModel):
    pages: int


class Custom:
    pages: int


class Holder(msgspec.Struct):
    inside: "dict[str, list[Custom]]"


class Half(msgspec.Struct):
    missing: "NotThere"  # type: ignore[name-defined]  # noqa: F821 - what the test is about


class Pages(msgspec.Struct):
    pages: int


@dataclasses.dataclass
class Sheet:
    pages: Pages


class Row(TypedDict):
    sheet: Sheet


class Pair(NamedTuple):
    left: int
    right: Row


class Colour(enum.Enum):
    RED = "red"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """What this test registers, and no other."""
    own = Catalog()
    monkeypatch.setattr(catalog, "registered", own)
    return own


def refusal_of(function: Any) -> str:
    """The one line that refuses the function as job type `count`."""
    with pytest.raises(SettingsError) as refusal:
        job_type("count")(function)
    said = str(refusal.value)
    assert len(said.splitlines()) == 1
    assert said.startswith("Job type 'count': ")
    return said


class Shop:
    def run(self, payload: int) -> int: ...  # type: ignore[empty-body]

    def alone(self) -> None: ...

    @staticmethod
    def apart(payload: int) -> int: ...  # type: ignore[empty-body]

    def __call__(self, payload: int) -> int: ...  # type: ignore[empty-body]


def none() -> None: ...


def two(left: int, right: int) -> None: ...


def many(*payloads: int) -> None: ...


def named(**payloads: int) -> None: ...


def keyword(*, payload: int) -> None: ...


def optional(payload: int = 3) -> None: ...


def yields(payload: int) -> Iterator[int]:
    yield payload


async def streams(payload: int) -> Any:
    yield payload


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        pytest.param(none, "exactly one argument, the payload, not 0", id="no argument"),
        pytest.param(two, "exactly one argument, the payload, not 2", id="two arguments"),
        pytest.param(many, "'*payloads: int' is any number of them", id="*args"),
        pytest.param(named, "'**payloads: int' is any number of them", id="**kwargs"),
        pytest.param(keyword, "'payload' is keyword-only", id="keyword-only"),
        pytest.param(optional, "the default of 'payload' would never be used", id="default"),
        pytest.param(lambda payload: payload, "a lambda", id="lambda"),
        pytest.param(Shop, "it is a class", id="class"),
        pytest.param(Pages, "it is a class", id="struct"),
        pytest.param(Shop(), "must be a function, not Shop", id="callable object"),
        pytest.param(Shop.run, "Shop.run is a method", id="method"),
        pytest.param(Shop.alone, "Shop.alone is a method", id="method without arguments"),
        pytest.param(Shop.apart, "Shop.apart is a method", id="static method"),
        pytest.param(Shop.__dict__["apart"], "must be a function, not staticmethod", id="above staticmethod"),
        pytest.param(Shop().run, "must be a function, not method", id="bound method"),
        pytest.param(functools.partial(two, 1), "must be a function, not partial", id="partial"),
        pytest.param(len, "must be a function, not builtin", id="builtin"),
        pytest.param(yields, "it yields", id="generator"),
        pytest.param(streams, "it yields", id="async generator"),
    ],
)
def test_what_cannot_be_a_jobs_function_is_refused(registered: Catalog, function: Any, reason: str) -> None:
    assert reason in refusal_of(function)
    assert list(registered) == []


def test_without_parentheses_the_same_is_refused() -> None:
    for function, reason in (
        (two, "Job type 'two': .*exactly one"),
        (Shop, "is a class"),
        (len, "not builtin"),
        (5, "not int"),
    ):
        with pytest.raises(SettingsError, match=reason):
            job_type(function)  # type: ignore[type-var] # mypy would have said so, too


def unannotated(payload): ...  # type: ignore[no-untyped-def]


def half_annotated(payload) -> None: ...  # type: ignore[no-untyped-def]


def without_result(payload: int): ...  # type: ignore[no-untyped-def]


async def async_without_result(payload: int): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (unannotated, "its argument 'payload' has no annotation, which validates the payload"),
        (half_annotated, "its argument 'payload' has no annotation, which validates the payload"),
        (without_result, "its result has no annotation, which is its published schema"),
        (async_without_result, "its result has no annotation, which is its published schema"),
    ],
)
def test_a_missing_annotation_is_refused(function: Callable[..., Any], reason: str) -> None:
    said = refusal_of(function)
    assert reason in said
    assert "Any" in said


FOREIGN = [
    pytest.param(Model, "Model", id="pydantic"),
    pytest.param(Custom, "Custom", id="class"),
    pytest.param(list[Model], "Model", id="list of pydantic"),
    pytest.param(dict[str, Custom], "Custom", id="dict of class"),
    pytest.param(Custom | None, "Custom", id="optional class"),
    pytest.param(Holder, "Custom", id="deep in a struct"),
    pytest.param(Iterator[int], "Iterator", id="iterator"),
    pytest.param(object, "object", id="object"),
    pytest.param(Pages | Sheet | Holder, "annotation", id="structs that cannot be told apart"),
    pytest.param(Half, "NotThere", id="a struct with a name that is not there"),
]


@pytest.mark.parametrize(("annotation", "culprit"), FOREIGN)
def test_an_annotation_that_cannot_be_a_schema_is_refused(annotation: Any, culprit: str) -> None:
    def takes(payload: Any) -> None: ...

    def gives(payload: int) -> Any: ...

    takes.__annotations__["payload"] = annotation
    gives.__annotations__["return"] = annotation
    for function, what in ((takes, "payload"), (gives, "result")):
        said = refusal_of(function)
        assert culprit in said
        assert f"the annotation of its {what}" in said
        assert "msgspec.Struct is the one to use" in said


@pytest.mark.parametrize("annotation", [set[str], frozenset[int], set, bytes, bytearray])
def test_a_result_that_is_never_json_is_refused(annotation: Any) -> None:
    def gives(payload: int) -> Any: ...

    gives.__annotations__["return"] = annotation
    assert "cannot be a result" in refusal_of(gives)


@pytest.mark.parametrize(
    "annotation",
    [
        Pages,
        Sheet,
        Row,
        Pair,
        Colour,
        list[Pages],
        dict[str, Sheet | None],
        tuple[int, ...],
        str,
        None,
        Any,
        datetime.datetime,
        datetime.date,
        uuid.UUID,
        decimal.Decimal,
    ],
    ids=str,
)
def test_an_annotation_that_can_be_a_schema_is_taken(registered: Catalog, annotation: Any) -> None:
    def both(payload: Any) -> Any: ...

    both.__annotations__.update({"payload": annotation, "return": annotation})
    assert job_type("both")(both) is both
    assert "both" in registered


@pytest.mark.parametrize(
    "source",
    [
        "def run(order: 'Order') -> None: ...",
        "def run(order: int) -> 'list[Order]': ...",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop import Order\n"
        "def run(order: 'Order') -> None: ...",
        "def make():\n    class Order: ...\n    def run(order: 'Order') -> None: ...\n    return run\nrun = make()",
    ],
    ids=["argument", "result", "type checking only", "local class"],
)
def test_a_name_that_is_not_there_is_said_in_one_line(source: str) -> None:
    namespace: dict[str, Any] = {"__name__": "shop"}
    exec(source, namespace)
    said = refusal_of(namespace["run"])
    assert "an annotation cannot be read: name 'Order' is not defined; import it outside of TYPE_CHECKING" in said


@pytest.mark.parametrize("text", ["list[", "uuid.nothing", "1 +"])
def test_an_annotation_that_cannot_be_read_is_said_in_one_line(text: str) -> None:
    def takes(payload: Any) -> None: ...

    takes.__annotations__["payload"] = text
    assert "an annotation cannot be read" in refusal_of(takes)
