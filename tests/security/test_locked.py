"""What is installed is what was locked, file for file."""

import re
import tomllib
from typing import Any

from tests.system.running import ROOT

LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_file_that_may_be_installed_has_a_hash() -> None:
    packages = [each for each in LOCK["package"] if each["name"] != "pollable"]
    assert len(packages) > 50
    for each in packages:
        assert "registry" in each["source"], each["name"]
        files = [*each.get("wheels", []), *([each["sdist"]] if "sdist" in each else [])]
        assert files, each["name"]
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", file["hash"]) for file in files), each["name"]


def test_make_installs_what_is_locked_and_audits_the_same() -> None:
    installing = re.findall(r"^SYNC := .*$", MAKEFILE, re.MULTILINE)
    assert len(installing) == 1
    # Without --frozen the lock would be brought up to date, and files that nobody has seen be installed.
    assert "sync" in installing[0]
    assert "--frozen" in installing[0]
    assert re.search(r"export .*--frozen .*\n.*pip-audit .*--require-hashes", MAKEFILE)
