"""What a user's type checker sees of a job's function: its own signature."""

import subprocess
import sys
from pathlib import Path

import pytest

JOBS = """
from typing import reveal_type

from pollable import job_type


@job_type
def count(pages: int) -> int:
    return pages


@job_type("measure", queue="pollable-low")
async def measure(pages: list[int]) -> str:
    return str(pages)


reveal_type(count)
reveal_type(measure)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy keeps of the packages that are imported, for the next test."""
    return tmp_path_factory.mktemp("cache")


def strict(directory: Path, source: str, *, cache: Path) -> "subprocess.CompletedProcess[str]":
    (directory / "shop.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "shop.py"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=100)


def test_a_decorated_function_keeps_its_signature_under_strict_mypy(tmp_path: Path, cache: Path) -> None:
    checked = strict(tmp_path, JOBS, cache=cache)
    assert checked.returncode == 0, checked.stdout
    assert '"def (pages: int) -> int"' in checked.stdout
    assert '"def (pages: list[int]) -> typing.Coroutine[Any, Any, str]"' in checked.stdout


def test_a_wrong_call_of_a_decorated_function_is_caught(tmp_path: Path, cache: Path) -> None:
    checked = strict(tmp_path, JOBS + 'count("three")\n', cache=cache)
    assert checked.returncode == 1
    assert 'Argument 1 to "count" has incompatible type "str"; expected "int"' in checked.stdout
