"""What the factory says to a server that is not ours."""

import os
import subprocess
import sys

import pytest

SAID = "only `pollable serve` limits"


def said(calls: str, **settings: str) -> subprocess.CompletedProcess[str]:
    program = f"from pollable.server import application, checked_application; {calls}"
    environment = {**os.environ, "POLLABLE_JOBS": "tests.system.patient", **settings}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(("calls", "times"), [("application()", 1), ("checked_application()", 0)])
def test_another_server_is_told_once_what_it_has_to_limit_itself(calls: str, times: int) -> None:
    ended = said(calls)
    assert (ended.returncode, ended.stderr.count(SAID)) == (0, times), ended.stderr


def test_another_server_has_the_guard_against_letting_everyone_in() -> None:
    ended = said("application()", POLLABLE_HOST="0.0.0.0")
    assert ended.returncode == 2
    assert "let everyone in" in ended.stderr
    assert SAID not in ended.stderr
