"""Pages for who begins, by their own files and commands, where nothing but the wheel is installed."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pollable.cli.embedded import Private
from tests.clients.replay import FENCE, steps
from tests.neighbour.page import Reader, parts
from tests.system.running import ROOT, environment

NAMES = ("README.md", "docs/getting-started.md", "docs/job-types.md", "docs/testing.md", "docs/python.md")
PAGES = {name: (ROOT / name).read_text() for name in NAMES}
FIRST_SCREEN = "tests/system/test_readme.py::test_the_three_curls_of_the_readme_answer_what_it_shows"
DEMO = "tests/system/test_demo.py::test_the_demo_shows_a_job_from_submit_to_null"
INSTALLING = "the fixtures `scripts` and `path` do it without a network"
# Why a command is not typed here: the test that runs it, or what stands for it.
ELSEWHERE = {
    "make demo": DEMO,
    "make test": "it runs this very test",
    "python3 -m venv .venv": INSTALLING,
    ". .venv/bin/activate": INSTALLING,
    "pip install '../pollable[dev]' pytest": INSTALLING,
}


def commands(text: str) -> list[str]:
    """What a page's fences tell to type: the lines after a `$`, or in fences without any all but what follows a `#`."""
    found: list[str] = []
    for language, fence in FENCE.findall(text):
        if language in ("", "sh", "bash", "console"):
            typed = [step.command for step in steps(fence)]
            found += typed or [line.partition("  #")[0].strip() for line in fence.splitlines()]
    return found


FIRST = PAGES["README.md"].partition("\n## ")[0]
"""The first screen, whose curls FIRST_SCREEN runs."""
CHAPTERS = [
    (name, title, text)
    for name, page in PAGES.items()
    for title, text in parts(page)
    if (name, title) != ("README.md", "Pollable") and commands(text)
]


@pytest.fixture(scope="module")
def readers(redis_program: Path, path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Reader]]:
    if shutil.which("curl") is None:
        pytest.skip("The pages' commands need curl.")
    server = Private(redis_program)
    # Of each page its own: their job types have the same names.
    made = {
        name: Reader(tmp_path_factory.mktemp("page"), document=page, redis_url=f"{server.url}?db={number}", path=path)
        for number, (name, page) in enumerate(PAGES.items())
    }
    yield made
    for reader in made.values():
        reader.leave()
    server.close()


@pytest.mark.parametrize(("page", "title", "text"), CHAPTERS, ids=[f"{page}: {title}" for page, title, _ in CHAPTERS])
def test_a_chapter_does_what_it_shows(readers: dict[str, Reader], page: str, title: str, text: str) -> None:
    assert title
    readers[page].follow(text, besides=ELSEWHERE)


def test_every_command_of_the_first_pages_is_run_by_a_test_or_listed_with_the_reason() -> None:
    followed = [fence for _, _, text in CHAPTERS for language, fence in FENCE.findall(text) if not language]
    run = {step.command for fence in followed for step in steps(fence)}
    run |= {command for command in commands(FIRST) if command.startswith("curl ")}
    told = {command for page in PAGES.values() for command in commands(page)}
    assert len(told) > 50
    assert told - run - ELSEWHERE.keys() == set()
    assert ELSEWHERE.keys() - told == set()


def test_every_reason_that_is_a_test_is_one() -> None:
    for reason in [FIRST_SCREEN, *ELSEWHERE.values()]:
        file, _, name = reason.partition("::")
        assert not name or f"def {name}(" in (ROOT / file).read_text()


def test_the_pages_have_their_chapters() -> None:
    assert len(CHAPTERS) == 19


TIMING = """
import time

def pytest_sessionstart():
    globals()["began"] = time.process_time()

def pytest_sessionfinish():
    print(f"{time.process_time() - began:.2f} s of this process")
"""


def test_two_tests_take_less_than_a_second(readers: dict[str, Reader], path: str) -> None:
    directory = readers["docs/testing.md"].directory
    # Not by the clock, which others on this machine hold up.
    (directory / "timing.py").write_text(TIMING)
    settings = {**environment(), "PATH": path, "PYTHONPATH": "."}
    command = "pytest -q -s -p timing test_shop.py"
    ran = subprocess.run(["sh", "-c", command], cwd=directory, env=settings, capture_output=True, text=True, timeout=60)
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
    took = re.search(r"(\d+\.\d+) s of this process", ran.stdout)
    assert took is not None
    assert float(took[1]) < 1
