"""docs/testing.md and docs/python.md by their own files and commands, where nothing but the wheel is installed."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pollable.cli.embedded import Private
from tests.neighbour.page import Reader, parts
from tests.system.running import ROOT, environment

PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("testing.md", "python.md")}
CHAPTERS = [(name, title, text) for name, page in PAGES.items() for title, text in parts(page)]


@pytest.fixture(scope="module")
def readers(redis_program: Path, path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reader]]:
    server = Private(redis_program)
    made = {
        name: Reader(tmp_path_factory.mktemp("page"), document=page, redis_url=server.url, path=path)
        for name, page in PAGES.items()
    }
    yield made
    for reader in made.values():
        reader.leave()
    server.close()


@pytest.mark.parametrize(("page", "title", "text"), CHAPTERS, ids=[f"{page}: {title}" for page, title, _ in CHAPTERS])
def test_a_chapter_does_what_it_shows(readers: dict[str, Reader], page: str, title: str, text: str) -> None:
    assert title
    readers[page].follow(text)


def test_both_pages_have_their_chapters() -> None:
    assert len(CHAPTERS) == 9


TIMING = """
import time

def pytest_sessionstart():
    globals()["began"] = time.process_time()

def pytest_sessionfinish():
    print(f"{time.process_time() - began:.2f} s of this process")
"""


def test_two_tests_take_less_than_a_second(readers: dict[str, Reader], path: str) -> None:
    directory = readers["testing.md"].directory
    # Not by the clock, which others on this machine hold up.
    (directory / "timing.py").write_text(TIMING)
    settings = {**environment(), "PATH": path, "PYTHONPATH": "."}
    command = "pytest -q -s -p timing test_shop.py"
    ran = subprocess.run(["sh", "-c", command], cwd=directory, env=settings, capture_output=True, text=True, timeout=60)
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
    took = re.search(r"(\d+\.\d+) s of this process", ran.stdout)
    assert took is not None
    assert float(took[1]) < 1
