"""What every command has: its exit codes in its help, JSON for programs, completion in a shell."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pollable.cli.commands import commands
from pollable.cli.completing import SHELLS
from tests.system.running import environment

RUNS_ON = ("serve", "worker", "dev", "demo", "completion")
"""Commands that have nothing to tell a program."""
ASKED = {"bash": "plain,submit", "zsh": "plain\nsubmit", "fish": "plain,submit"}


def leaves(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, *names, name)
        else:
            yield " ".join((*names, name)), command


EACH = [pytest.param(name, command, id=name) for name, command in leaves(commands)]


@pytest.mark.parametrize(("name", "command"), EACH)
def test_every_command_says_its_exit_codes(name: str, command: click.Command) -> None:
    told = command.get_help(click.Context(command, info_name=name))
    assert "\n  Exit codes:\n    0  " in told
    assert "\n    2  an argument or a setting is wrong" in told


@pytest.mark.parametrize(("name", "command"), EACH)
def test_every_command_that_tells_something_tells_it_as_json(name: str, command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) is (name not in RUNS_ON)


def pollable(*arguments: str, **settings: str) -> str:
    command = [sys.executable, "-m", "pollable", *arguments]
    done = subprocess.run(command, env=environment(**settings), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_what_the_shell_asks_is_answered(shell: str) -> None:
    words = {"bash": ("pollable su", "1"), "zsh": ("pollable su", "1"), "fish": ("pollable su", "su")}[shell]
    asked = {"_POLLABLE_COMPLETE": f"{shell}_complete", "COMP_WORDS": words[0], "COMP_CWORD": words[1]}
    assert pollable(**asked).startswith(ASKED[shell])


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_a_real_shell_completes(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(pollable("completion", shell))
    (tmp_path / "pollable").write_text(f'#!/bin/sh\nexec {sys.executable} -m pollable "$@"\n')
    (tmp_path / "pollable").chmod(0o755)
    typed = {
        "bash": f"source {script}; COMP_WORDS=(pollable tokens r); COMP_CWORD=2; _pollable_completion pollable; "
        'echo "${COMPREPLY[@]}"',
        # Its own functions work within its line editor alone; what they are given is what counts.
        "zsh": f"compdef() {{}}; _describe() {{ print -r -- ${{(P)3}} }}; source {script}; "
        "words=(pollable tokens r); CURRENT=3; _pollable_completion",
        "fish": f"source {script}; complete -C 'pollable tokens r'",
    }
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run([shell, "-c", typed[shell]], env=environment(PATH=path), capture_output=True, text=True)
    assert re.match(r"revoke\b", done.stdout), done.stderr
