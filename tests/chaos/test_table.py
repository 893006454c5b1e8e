"""What docs/reliability.md says of the suite is what its results say."""

from pathlib import Path

import pytest

from chaos import table
from chaos.results import RESULTS, read
from chaos.scenarios import ALL
from tests.chaos.short import DEPLOYMENTS, JOBS, REDIS, WORKERS

PAGE = table.DOCUMENT.read_text()


def test_the_document_says_what_the_results_say() -> None:
    assert table.render(read(), ALL) in PAGE, "run `make chaos ARGS=--table`"


def test_every_result_is_of_a_scenario_in_its_full_form() -> None:
    results = read()
    assert results.keys() <= ALL.keys()
    assert {result.report.form for result in results.values()} == {"full"}
    assert {result.report.scenario for result in results.values()} == results.keys()


@pytest.mark.parametrize("name", ["kill9_storm", "orphan_horse", "freeze_thaw"])
def test_a_result_that_was_changed_would_show(name: str, tmp_path: Path) -> None:
    for path in RESULTS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    changed = tmp_path / f"{name}.json"
    changed.write_text(changed.read_text().replace('"lost": 0', '"lost": 3', 1))
    assert table.render(read(tmp_path), ALL) not in PAGE


def test_every_scenario_has_a_short_form_that_some_file_runs() -> None:
    assert sorted((*WORKERS, *REDIS, *DEPLOYMENTS, *JOBS)) == sorted(ALL)
