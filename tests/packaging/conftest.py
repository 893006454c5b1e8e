import fcntl
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.system.running import ROOT

TOOLS = ("rq", "flask", "rq-dashboard", "django-admin", "uvicorn", "pytest")
OTHER_PLUGINS = {each.name for each in entry_points(group="pytest11")} - {"pollable"}
"""What the tests of this project bring, and the reader has not."""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = _once(tmp_path_factory, "dist", make=_build)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an environment with the wheel has its commands; its dependencies are those of the tests."""
    return _once(tmp_path_factory, "installed", make=lambda root: _install(wheel, root)) / "bin"


@pytest.fixture(scope="session")
def path(scripts: Path) -> str:
    """Where the reader's commands are: those of the wheel, and those that pip would have put beside them."""
    return f"{scripts}{os.pathsep}{os.environ['PATH']}"


def _once(tmp_path_factory: pytest.TempPathFactory, name: str, *, make: Callable[[Path], None]) -> Path:
    """The directory that one process of a parallel run makes, while the others wait for it."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    directory, made = shared / name, shared / f"{name}.made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(directory)
            made.touch()
    return directory


def _build(directory: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)


def _install(wheel: Path, root: Path) -> None:
    venv.create(root, with_pip=False)
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin" / "python")]
    subprocess.run([*pip, *install], check=True, timeout=90)
    (packages,) = root.glob("lib/python*/site-packages")
    # A .pth file in a directory that another one adds is not read: the editable install stays unseen.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _put_tools(root / "bin")


def _put_tools(scripts: Path) -> None:
    for tool in TOOLS:
        (entry,) = {each.value: each for each in entry_points(group="console_scripts", name=tool)}.values()
        options = "\n".join(f"sys.argv[1:1] = ['-p', 'no:{name}']" for name in OTHER_PLUGINS if tool == "pytest")
        program = f"import sys\n{options}\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
        (scripts / tool).write_text(f"#!{scripts / 'python'}\n{program}")
        (scripts / tool).chmod(0o755)
