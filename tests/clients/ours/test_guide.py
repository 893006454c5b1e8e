"""docs/clients.md: its programs run as they stand and print what stands beside them; its tables name what is there."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pollable.client
from pollable.client import AsyncClient, AsyncJob, Client, ClientError, Job
from tests.system.running import ROOT, Running, environment

GUIDE = (ROOT / "docs" / "clients.md").read_text()


def program(language: str, *, url: str) -> str:
    """All that the guide shows in the language, one after the other."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert blocks
    return "\n".join(blocks).replace("http://127.0.0.1:8000", url)


def shown(text: str, comment: str) -> list[str]:
    """What stands beside each line that prints."""
    return re.findall(rf"(?:print|console\.log)\(.*\).*{comment} (.*)$", text, re.MULTILINE)


def printed(command: list[str], directory: Path) -> list[str]:
    ran = subprocess.run(command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_programs_in_python_print_what_is_shown(open_service: Running, tmp_path: Path) -> None:
    text = program("python", url=open_service.url)
    assert len(shown(text, "#")) == 7
    assert printed([sys.executable, "-W", "error::DeprecationWarning", "-c", text], tmp_path) == shown(text, "#")


def test_the_program_in_javascript_prints_what_is_shown(open_service: Running, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("The program needs node.")
    (tmp_path / "client.mjs").write_bytes(open_service.http.get("/client.js").content)
    text = program("js", url=open_service.url)
    assert len(shown(text, "//")) == 3
    assert printed([node, "--input-type=module", "-e", text], tmp_path) == shown(text, "//")


def test_every_exception_is_listed() -> None:
    exceptions = {
        name for name, each in vars(pollable.client).items() if inspect.isclass(each) and issubclass(each, ClientError)
    }
    assert set(re.findall(r"^\| `([A-Z]\w+)` \|", GUIDE, re.MULTILINE)) == exceptions - {"ClientError"}


@pytest.mark.parametrize(("name", "blocking", "awaited"), [("client", Client, AsyncClient), ("job", Job, AsyncJob)])
def test_every_method_is_listed_and_both_kinds_have_it(name: str, blocking: type, awaited: type) -> None:
    methods = {method for method in vars(blocking) if not method.startswith("_")}
    assert set(re.findall(rf"`{name}\.(\w+)", GUIDE.partition("### What is raised")[0])) == methods - {"close"}
    assert {method for method in vars(awaited) if not method.startswith("_")} - {"aclose"} == methods - {"close"}
    for method in methods - {"close", "last_headers"}:
        assert inspect.signature(getattr(blocking, method)).parameters.keys() == (
            inspect.signature(getattr(awaited, method)).parameters.keys()
        )
