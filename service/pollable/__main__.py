"""The command: `pollable COMMAND`, or `python -m pollable COMMAND`."""

import gc

# What is imported stays: to look through it for garbage, again and again, would take a tenth of the start.
gc.disable()
from pollable.cli.commands import commands  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["commands"]

if __name__ == "__main__":
    commands(prog_name="pollable")
