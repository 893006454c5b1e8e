"""Every fact that the guide prints is held by a test that there is."""

import subprocess
import sys

import pytest

from tests.contracts.facts import FACTS, ROOT, Fact, facts_of, table, unheld
from tests.contracts.working import PAGES
from tests.system.running import environment

HELD = "tests/a.py::test_it"


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """The tests of the files that are named, as pytest itself finds them."""
    files = sorted({fact.test.partition("::")[0] for fact in FACTS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider", *files]
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=100)
    assert found.returncode == 0, found.stdout + found.stderr
    return [line for line in found.stdout.splitlines() if "::" in line]


def test_every_fact_is_held_by_a_test_that_there_is(collected: list[str]) -> None:
    assert unheld(FACTS, collected) == []


def test_the_guide_has_every_fact() -> None:
    guide = (ROOT / "docs" / "envelopes.md").read_text()
    assert table(FACTS) in guide, "paste the output of `python -m tests.contracts.facts` into docs/envelopes.md"


def test_every_page_has_facts_and_none_has_one_twice() -> None:
    assert list(dict.fromkeys(fact.page for fact in FACTS)) == [*PAGES, "all five"]
    assert len({(fact.page, fact.text) for fact in FACTS}) == len(FACTS)
    assert len(FACTS) >= 100


def test_a_fact_is_read_with_its_page_and_its_test() -> None:
    source = f"one\n  It is.\n    {HELD}\n\ntwo\n  It was.\n    {HELD}[then]\n"
    assert list(facts_of(source)) == [Fact("one", "It is.", HELD), Fact("two", "It was.", f"{HELD}[then]")]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("one\n  It is.\n  It was.\n    " + HELD, id="between facts"),
        pytest.param("one\n  It is.\ntwo\n  It was.\n    " + HELD, id="before a page"),
        pytest.param("one\n  It is.\n", id="at the end"),
        pytest.param("one\n    " + HELD, id="a test without a fact"),
    ],
)
def test_a_fact_without_a_test_is_none(source: str) -> None:
    with pytest.raises(ValueError, match=r"^No (test|fact) "):
        list(facts_of(source))


@pytest.mark.parametrize("name", ["tests/a.py::test_other", "tests/b.py::test_it", f"{HELD}[other]", "tests/a.py", ""])
def test_a_test_that_is_not_there_holds_nothing(name: str) -> None:
    assert unheld([Fact("one", "It is.", name)], [f"{HELD}[case]"]) == [name]


@pytest.mark.parametrize("name", [HELD, f"{HELD}[case]"])
def test_all_cases_of_a_test_hold_a_fact_or_one_does(name: str) -> None:
    assert unheld([Fact("one", "It is.", name)], [f"{HELD}[case]"]) == []
