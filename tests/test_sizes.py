"""`tools/sizes.py` counts what it says, and fails where something is too long."""

from pathlib import Path

import pytest

from tools import sizes

SOURCE = '''
"""What it is."""

import os  # a comment beside code

LONG = """
text
"""
"""What LONG is."""


# A comment.
@cache
def outer(
    a: int,
) -> int:
    """Two
    lines."""

    async def inner() -> None: ...

    return a
'''


def long_function(lines: int) -> str:
    return "def f():\n" + "    x = 1\n" * (lines - 1)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A root with short files."""
    write(tmp_path, "worker.py", "import os\n")
    write(tmp_path, "service/pollable/jobs/store.py", SOURCE)
    return tmp_path


def write(root: Path, path: str, source: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(source)


def test_blank_lines_comments_and_docstrings_are_no_code() -> None:
    assert sizes.code_lines(SOURCE) == 10


def test_a_function_is_as_long_as_its_decorators_and_all_inside_it() -> None:
    found = {size.place: size.lines for size in sizes.functions(SOURCE.strip(), Path("a.py"))}
    assert found == {"a.py:12 outer": 10, "a.py:19 inner": 1}


def test_short_files_are_well(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sizes.main(written) == 0
    printed = capsys.readouterr()
    assert "service/pollable/jobs/store.py" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        pytest.param("worker.py", long_function(41), "worker.py:1 f: a function of 41 lines", id="a function"),
        pytest.param("service/pollable/a.py", "x = 1\n" * 301, "service/pollable/a.py: a file of 301 lines", id="file"),
        pytest.param("tests/core/test_a.py", "\n" * 301, "tests/core/test_a.py: a file of 301 lines", id="a test"),
    ],
)
def test_what_is_too_long_is_named(
    written: Path, path: str, source: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(written, path, source)
    assert sizes.main(written) == 1
    assert capsys.readouterr().err == f"Too long: {said}\n"


def test_what_is_just_not_too_long_is_well(written: Path) -> None:
    write(written, "service/pollable/a.py", long_function(40) + "x = 1\n" * 260)
    assert sizes.main(written) == 0


def test_only_what_jobs_pass_through_counts_as_the_core(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for room in ("cli", "client", "testing", "web", "examples", "settings", "http/described"):
        write(written, f"service/pollable/{room}/a.py", "x = 1\n" * 299)
    write(written, "service/pollable/http/openapi.py", "x = 1\n" * 299)
    for number in range(16):
        write(written, f"service/pollable/core/part{number}.py", "x = 1\n" * 299)
    assert sizes.main(written) == 0
    write(written, "service/pollable/http/more.py", "x = 1\n" * 206)
    assert sizes.main(written) == 1
    assert capsys.readouterr().err == "Too long: service: 5000 lines of code\n"
