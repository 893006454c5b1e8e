"""The command: `pollable COMMAND`, or `python -m pollable COMMAND`."""

from pollable.cli.commands import commands

__all__ = ["commands"]

if __name__ == "__main__":
    commands(prog_name="pollable")
