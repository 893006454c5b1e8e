"""The documents say what is true of the code beside them."""

import re
from pathlib import Path

import pytest

from pollable import __version__
from pollable.__main__ import commands
from pollable.cli.documented import settings_table
from pollable.settings import ENVELOPES, caller

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def text(name: str) -> str:
    return (ROOT / name).read_text()


def test_the_readme_has_every_setting_as_it_is() -> None:
    assert settings_table() in text("README.md"), "paste the output of `pollable settings` into the README"


def test_the_readme_has_every_envelope() -> None:
    assert re.findall(r"^\| `(\w+)` \| `GET ", text("README.md"), flags=re.MULTILINE) == list(ENVELOPES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def headings(document: Path) -> set[str]:
    """What GitHub calls them in addresses."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_heading_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", document.read_text())
    assert [
        link for link in links if link[1] not in headings((document.parent / link[0]) if link[0] else document)
    ] == []


def test_the_guide_has_every_command() -> None:
    rows = [line for line in text("docs/getting-started.md").splitlines() if re.match(r"\| `\w+[^|]*\| [^|]*\|$", line)]
    named = {name for row in rows for name in re.findall(r"`(\w+)", row.split("|")[1])}
    assert set(commands.commands) - named == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(document: Path) -> None:
    named = set(re.findall(r"(?<!_)POLLABLE_[A-Z_]+", document.read_text()))
    # The last two are Kubernetes' own.
    known = (*settings_table().split("`"), caller.URL, caller.TOKEN, "POLLABLE_SERVICE_HOST", "POLLABLE_PORT")
    assert {name for name in named if name not in known and not name.endswith("_")} == set()


def test_every_guide_is_named_in_the_readme() -> None:
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in text("README.md")] == []


def test_the_changelog_begins_with_the_version() -> None:
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), flags=re.MULTILINE)[1] == __version__  # type: ignore[index] # None fails


@pytest.mark.parametrize("command", ["python -m pollable serve", "python worker.py"])
def test_the_procfile_the_image_and_the_guide_start_the_same_processes(command: str) -> None:
    assert command in text("Procfile")
    assert command in text("docs/deploying.md")
    assert command in text("Dockerfile").replace('", "', " ")


HELD_BY = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text("docs/security.md"))


@pytest.mark.parametrize(("file", "name"), sorted(set(HELD_BY)), ids=lambda part: part.removeprefix("tests/"))
def test_every_test_that_holds_a_defence_is_there(file: str, name: str) -> None:
    assert (ROOT / file).is_file()
    assert f"def {name}(" in text(file) or not name


def test_every_defence_names_a_test() -> None:
    tables = [line for line in text("docs/security.md").splitlines() if line.startswith("| ")]
    rows = [line for line in tables if not line.startswith(("| threat", "| ---"))]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row.split(" | ")[-1]] == []
