"""Job types: what can be declared, and what stops the start."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pollable import Settings, catalog, job_type
from pollable.catalog import Catalog
from pollable.errors import SettingsError, UnknownJobType


class Pages(msgspec.Struct):
    pages: int


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """What this test registers, and no other."""
    own = Catalog()
    monkeypatch.setattr(catalog, "registered", own)
    return own


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for a user's own modules."""
    monkeypatch.syspath_prepend(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_declared_function_is_a_job_type_and_stays_as_it_was(registered: Catalog) -> None:
    @job_type("count", queue="pollable-low", timeout_s=5, max_attempts=2, retry_delays_s=[1, 2])
    def count(payload: Pages) -> list[int]:
        """Counts pages."""
        return list(range(payload.pages))

    declared = registered.get("count")
    assert count(Pages(3)) == [0, 1, 2]
    assert (declared.payload_type, declared.result_type) == (Pages, list[int])
    assert (declared.description, declared.queue, declared.envelope) == ("Counts pages.", "pollable-low", "native")
    assert (declared.timeout_s, declared.result_ttl_s, declared.retry_delays_s) == (5, None, (1, 2))
    assert "count" in registered
    assert list(registered) == [declared]


def test_the_annotation_decodes_and_validates_the_payload(registered: Catalog) -> None:
    @job_type("count")
    def count(_: Pages) -> None: ...

    assert registered.get("count").decode(b'{"pages":3}') == Pages(3)
    with pytest.raises(msgspec.ValidationError, match=re.escape("$.pages")):
        registered.get("count").decode(b'{"pages":"three"}')


def test_any_takes_any_json(registered: Catalog) -> None:
    @job_type("anything")
    def anything(payload: Any) -> Any: ...

    assert registered.get("anything").decode(b'[1,{"a":null}]') == [1, {"a": None}]


def test_a_bare_decorator_names_the_job_type_as_the_function(registered: Catalog) -> None:
    @job_type
    def count(payload: Pages) -> int:
        return payload.pages

    @job_type(queue="pollable-low")
    async def measure(payload: Pages) -> int:
        return payload.pages

    assert [(each.name, each.queue) for each in registered] == [("count", None), ("measure", "pollable-low")]
    assert (count(Pages(3)), registered.get("count").payload_type) == (3, Pages)


def test_a_bare_decorator_checks_the_functions_name() -> None:
    with pytest.raises(SettingsError, match="'_count': a name is 1 to 64"):

        @job_type
        def _count(_: Pages) -> None: ...


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": ""}, "a name is 1 to 64"),
        ({"name": "9lives"}, "a name is 1 to 64"),
        ({"name": "a b"}, "a name is 1 to 64"),
        ({"name": "a/b"}, "a name is 1 to 64"),
        ({"name": "x" * 65}, "a name is 1 to 64"),
        ({"name": "naïve"}, "a name is 1 to 64"),
        ({"name": "a\n"}, "a name is 1 to 64"),
        ({"submit": "count"}, "must start with '/'"),
        ({"submit": ""}, "must start with '/'"),
        ({"timeout_s": 0}, "at least one second"),
        ({"result_ttl_s": -1}, "at least one second"),
        ({"failure_ttl_s": 0}, "at least one second"),
        ({"max_attempts": 0}, "between 1 and 100"),
        ({"max_attempts": 101}, "between 1 and 100"),
        ({"retry_delays_s": (1, -1), "max_attempts": 2}, "cannot be negative"),
        ({"retry_delays_s": (1.5,), "max_attempts": 2}, "whole seconds"),
        ({"retry_delays_s": (5,)}, "set max_attempts to 2"),
        ({"retry_delays_s": [1, 10]}, "set max_attempts to 2"),
        ({"retry_delays_s": (0,), "max_attempts": 1}, "set max_attempts to 2"),
        ({"timeout_s": 1.5}, "whole seconds"),
        ({"timeout_s": "60"}, "whole seconds"),
        ({"max_attempts": "3"}, "between 1 and 100"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_declaration_that_cannot_work_is_refused_by_name(
    registered: Catalog, options: dict[str, Any], reason: str
) -> None:
    name = options.pop("name", "count")
    with pytest.raises(SettingsError) as refusal:

        @job_type(name, **options)  # type: ignore[untyped-decorator] # the options are of any kind
        def count(_: Pages) -> None: ...

    assert reason in str(refusal.value)
    assert repr(name) in str(refusal.value)
    assert list(registered) == []


def test_two_functions_cannot_share_a_name() -> None:
    @job_type("count")
    def first(_: Pages) -> None: ...

    with pytest.raises(SettingsError, match="Two functions are registered as job type 'count'"):

        @job_type("count")
        def second(_: Pages) -> None: ...


def test_an_unknown_type_is_named_beside_the_known_ones(registered: Catalog) -> None:
    @job_type
    def count(_: Pages) -> None: ...

    with pytest.raises(UnknownJobType, match=r"There is no job type 'Count'\. Registered: count\."):
        registered.get("Count")
    with pytest.raises(UnknownJobType, match="x" * 64) as refusal:
        registered.get("x" * 10_000)
    assert len(refusal.value.detail) < 200


def test_modules_are_imported_in_order_and_register_their_types(modules: Path) -> None:
    declare = "from pollable import job_type\n@job_type({name!r})\ndef run(payload: int) -> int: return payload\n"
    (modules / "pollable_jobs_b.py").write_text(declare.format(name="b"))
    (modules / "pollable_jobs_a.py").write_text(declare.format(name="a"))
    loaded = catalog.load_job_types(["pollable_jobs_b", "pollable_jobs_a"])
    assert [each.name for each in loaded] == ["b", "a"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("from pollable import Jobbb", "ImportError"),
    ],
    ids=["missing import", "raises", "syntax", "division", "wrong name"],
)
def test_a_module_that_fails_stops_the_start_with_its_name_and_reason(modules: Path, source: str, reason: str) -> None:
    (modules / "pollable_broken_jobs.py").write_text(source)
    with pytest.raises(SettingsError) as refusal:
        catalog.load_job_types(["pollable_broken_jobs"])
    assert "POLLABLE_JOBS names 'pollable_broken_jobs'" in str(refusal.value)
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ('JobError("Too Long", "m")', "'Too Long'"),
        ('JobError("", "m")', "''"),
        ('JobError(code="9lives", message="m")', "'9lives'"),
        ('pollable.JobError(404, "m")', "404"),
    ],
    ids=["capitals", "empty", "by keyword", "number"],
)
def test_an_error_code_that_does_not_fit_stops_the_start(modules: Path, error: str, code: str) -> None:
    source = "import pollable\nfrom pollable import JobError, job_type\n"
    source += f"@job_type\ndef run(payload: int) -> int:\n    raise {error}\n"
    (modules / "pollable_miscoded_jobs.py").write_text(source)
    with pytest.raises(SettingsError) as refusal:
        catalog.load_job_types(["pollable_miscoded_jobs"])
    assert f"pollable_miscoded_jobs, line 5: JobError({code}, ...) has no error code" in str(refusal.value)


def test_error_codes_that_fit_or_are_made_at_run_time_stop_nothing(modules: Path) -> None:
    source = "from pollable import JobError, job_type\n@job_type\ndef run(payload: int) -> int:\n"
    source += "    raise JobError('too_long', 'm') if payload else JobError(str(payload), 'Too Long')\n"
    (modules / "pollable_coded_jobs.py").write_text(source)
    assert [each.name for each in catalog.load_job_types(["pollable_coded_jobs"])] == ["run"]


@pytest.mark.parametrize("name", ["no_such_jobs", "no.such.jobs", "pollable.no_such_jobs"])
def test_a_module_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"POLLABLE_JOBS names '{name}', which cannot be imported"):
        catalog.load_job_types([name])


def test_a_bad_declaration_in_a_module_stops_the_start_by_its_own_name(modules: Path) -> None:
    (modules / "pollable_bad_jobs.py").write_text(
        "from pollable import job_type\n@job_type('count', max_attempts=0)\ndef run(payload: int) -> int: ...\n"
    )
    with pytest.raises(SettingsError, match="Job type 'count': max_attempts"):
        catalog.load_job_types(["pollable_bad_jobs"])


@pytest.mark.parametrize("source", ["", "def run(payload: int) -> int: ...", "from pollable import job_type"])
def test_a_module_without_job_types_is_named(modules: Path, source: str) -> None:
    (modules / "pollable_no_jobs.py").write_text(source)
    with pytest.raises(SettingsError, match="POLLABLE_JOBS names 'pollable_no_jobs', which registers no job type"):
        catalog.load_job_types(["pollable_no_jobs"])


def test_a_deployment_has_job_types_unless_it_may_be_empty() -> None:
    with pytest.raises(SettingsError, match="POLLABLE_JOBS is not set"):
        catalog.deployed(Settings())
    assert list(catalog.deployed(Settings(), may_be_empty=True)) == []


def test_a_worker_refuses_the_queue_that_it_would_not_serve_too() -> None:
    @job_type(queue="slow")
    def count(_: Pages) -> None: ...

    with pytest.raises(SettingsError, match="'count' goes to queue 'slow', which is not in POLLABLE_QUEUES"):
        catalog.deployed(Settings())
