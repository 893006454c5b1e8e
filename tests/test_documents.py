"""The documents say what is true of the code beside them."""

import re
import tomllib
from pathlib import Path

import pytest

from service.__main__ import settings_table
from service.settings import ENVELOPES

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_readme_has_every_setting_as_it_is() -> None:
    assert settings_table() in text("README.md"), "paste the output of `python -m service settings` into the README"


def test_the_readme_has_every_envelope() -> None:
    assert re.findall(r"^\| `(\w+)` \| `GET ", text("README.md"), flags=re.MULTILINE) == list(ENVELOPES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"POLLABLE_[A-Z_]+", document.read_text()))
    assert {name for name in named if name not in settings_table() and not name.endswith("_")} == set()


def test_every_guide_is_named_in_the_readme() -> None:
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in text("README.md")] == []


def test_the_changelog_begins_with_the_version() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), flags=re.MULTILINE)[1] == version  # type: ignore[index] # None fails


@pytest.mark.parametrize("command", ["python -m service serve", "python worker.py"])
def test_the_procfile_the_image_and_the_guide_start_the_same_processes(command: str) -> None:
    assert command in text("Procfile")
    assert command in text("docs/deploying.md")
    assert command in text("Dockerfile").replace('", "', " ")
