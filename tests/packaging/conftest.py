import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.system.running import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an environment with the wheel has its commands; its dependencies are those of the tests."""
    root = tmp_path_factory.mktemp("installed")
    venv.create(root, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([root / "bin" / "python", *install], check=True, timeout=90)
    (packages,) = root.glob("lib/python*/site-packages")
    # A .pth file in a directory that another one adds is not read: the editable install stays unseen.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return root / "bin"
