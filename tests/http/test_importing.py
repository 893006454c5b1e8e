"""Importing does nothing: what the package does, it does when it is called."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WATCHING = Path(__file__).with_name("watching.py")
NOTHING = {"events": [], "environment": [], "logging": [], "threads": 1}
# What only the web process or the command needs.
HEAVY = {"starlette", "uvicorn", "uvloop", "httptools", "redis", "rq", "jwt", "cryptography", "click"}
EVERY_MODULE = """
import importlib, pkgutil, pollable
for found in pkgutil.walk_packages(pollable.__path__, "pollable."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
"""
OURS = """
import types
exec({!r}, vars(types.ModuleType("pollable.new")))
"""


def seen(lines: str, directory: Path) -> dict[str, Any]:
    """What these lines did, in a process and a directory of their own."""
    # -B: compiled modules are Python's own business.
    command = [sys.executable, "-BP", str(WATCHING), lines]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("import pollable", id="the package"),
        pytest.param("from pollable import create_app", id="the application"),
        pytest.param(EVERY_MODULE, id="every module"),
    ],
)
def test_importing_does_nothing(lines: str, tmp_path: Path) -> None:
    found = seen(lines, tmp_path)
    assert "pollable" in found.pop("modules")
    assert found == NOTHING


def test_a_job_needs_no_web_framework(tmp_path: Path) -> None:
    assert (
        HEAVY & set(seen("from pollable import job_context, job_type, report_progress", tmp_path)["modules"]) == set()
    )
    assert set(seen("from pollable import create_app", tmp_path)["modules"]) >= {"starlette", "redis", "rq", "jwt"}


def test_the_description_is_loaded_by_the_first_that_asks_for_it(tmp_path: Path) -> None:
    # It tells less of modules than of packages.
    lines = "import sys, pollable.app\nassert not any('described' in name for name in sys.modules)"
    assert "pollable" in seen(lines, tmp_path)["modules"]


@pytest.mark.parametrize(
    ("lines", "where", "what"),
    [
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 1))", "events", "socket.connect"),
        ("open('a', 'w').close()", "events", "open for writing"),
        ("import subprocess; subprocess.run('true')", "events", "subprocess.Popen"),
        (OURS.format("import os; os.environ.get('A')"), "environment", "A"),
        (OURS.format("import os; os.getenv('B')"), "environment", "B"),
        (OURS.format("import os; dict(os.environ)"), "environment", "all names"),
        ("import logging; logging.basicConfig()", "logging", "root"),
        ("import logging; logging.getLogger('pollable').setLevel(9)", "logging", "pollable"),
    ],
)
def test_the_watch_sees(lines: str, where: str, what: str, tmp_path: Path) -> None:
    assert what in seen(lines, tmp_path)[where]


def test_the_watch_sees_a_thread(tmp_path: Path) -> None:
    lines = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    assert seen(lines, tmp_path)["threads"] == 2
