"""Every wrong setting, by every command: one line, exit code 2, and no secret."""

import os

import pytest
from click.testing import CliRunner, Result

from pollable.cli.commands import commands
from tests.wrong_settings import SECRET, WRONG

CALLS: dict[str, tuple[list[str], dict[str, str]]] = {
    "one web process": (["serve"], {}),
    "two web processes": (["serve"], {"WEB_CONCURRENCY": "2"}),
    "a worker": (["worker"], {}),
    "two workers": (["worker", "--workers", "2"], {}),
    "check": (["check"], {}),
    "dev": (["dev"], {}),
    "demo": (["demo", "--once"], {}),
    "submit": (["submit", "nap", "1"], {}),
    "status": (["status", "0"], {}),
    "wait": (["wait", "0"], {}),
    "cancel": (["cancel", "0"], {}),
    "rerun": (["rerun", "0"], {}),
    "delete": (["delete", "0"], {}),
    "result": (["result", "0"], {}),
    "list": (["list"], {}),
    "types": (["types"], {}),
    "openapi": (["openapi"], {}),
    "settings": (["settings"], {}),
    "completion": (["completion", "bash"], {}),
    "tokens create": (["tokens", "create", "alice"], {}),
    "tokens list": (["tokens", "list"], {}),
    "tokens revoke": (["tokens", "revoke", "0"], {}),
}


def pollable(*arguments: str, **settings: str) -> Result:
    ours = [name for name in os.environ if name.startswith("POLLABLE_") or name in ("REDIS_URL", "PORT")]
    return CliRunner().invoke(commands, list(arguments), env={**dict.fromkeys(ours), **settings})


def test_there_are_many() -> None:
    assert len(WRONG) >= 60
    assert len({frozenset(settings.items()) for _, settings in WRONG}) == len(WRONG)


def test_every_command_is_called() -> None:
    assert {arguments[0] for arguments, _ in CALLS.values()} == set(commands.commands)


@pytest.mark.parametrize(("line", "settings"), WRONG, ids=[f"{at}" for at in range(len(WRONG))])
def test_a_wrong_setting_is_refused_in_one_line_by_every_command(line: str, settings: dict[str, str]) -> None:
    for name, (arguments, others) in CALLS.items():
        refused = pollable(*arguments, **{"POLLABLE_JOBS": "tests.cli.checked", **others, **settings})
        assert refused.output == f"Error: {line}\n", name
        assert refused.exit_code == 2, name
        assert SECRET not in refused.output
