"""docs/architecture.md names files and functions that are there."""

import importlib
import re
import tomllib
from functools import reduce
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "service" / "pollable"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
INDEX, WAYS = PAGE.split("## The four ways")
QUOTED = re.compile(r"`([a-z_]+(?:\.\w+)+)`")
NAMES = sorted({name for name in QUOTED.findall(WAYS) if not name.endswith(".lua")})
SCRIPTS = sorted({name for name in QUOTED.findall(WAYS) if name.endswith(".lua")})
ROWS = [line.split("|")[1:3] for line in INDEX.splitlines() if line.startswith("| ") and line.endswith(" |")][2:]


def found(name: str) -> object:
    """What a dotted name of the package means. Raises AttributeError or ImportError."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(["pollable", *parts[:length]]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[length:], value)
    raise ModuleNotFoundError(name)


def test_every_room_is_named_in_the_order_in_which_they_import() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [layer.split(" | ") for layer in settings["contracts"][0]["layers"]]
    rooms = [re.findall(r"`(\w+)`", line.partition(":")[0]) for line in PAGE.splitlines() if line.startswith("- ")]
    assert [name for names in rooms for name in names] == [name for names in layers for name in names if name[0] != "_"]
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert {name for names in rooms for name in names} == {name for name in there if name[0] != "_"}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_on_the_four_ways_is_there(name: str) -> None:
    assert found(name)


@pytest.mark.parametrize("name", ["jobs.reading.JobReader.write", "jobs.nothing.read", "http.poll.Pol"])
def test_a_name_that_is_not_there_is_not_found(name: str) -> None:
    with pytest.raises((AttributeError, ImportError, ValueError)):
        found(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_on_the_four_ways_is_there(name: str) -> None:
    assert (PACKAGE / "storage" / "scripts" / name).is_file()


def test_the_four_ways_name_many() -> None:
    assert len(NAMES) > 40
    assert len(re.findall(r"^### ", WAYS, flags=re.MULTILINE)) == 4


@pytest.mark.parametrize(("question", "answer"), ROWS, ids=[question.strip() for question, _ in ROWS])
def test_every_question_is_answered_by_a_file(question: str, answer: str) -> None:
    places = re.findall(r"`([\w/.]+)`", answer)
    assert question.strip().endswith("?")
    assert places
    assert [place for place in places if not (PACKAGE / place).exists()] == []


def test_at_least_twenty_questions_are_answered() -> None:
    assert len(ROWS) >= 20
